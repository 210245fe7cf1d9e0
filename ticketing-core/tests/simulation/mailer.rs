//! A mail server that takes mails, refuses them, or takes them and says that it did not.

use crate::bugs::Bug;
use crate::executor::lock;
use crate::world::World;
use async_trait::async_trait;
use std::sync::Arc;
use ticketing_core::mailer::{Mail, MailError, Mailer};

/// Mails that were taken.
#[derive(Debug, Default)]
pub(crate) struct Mailroom {
    pub(crate) taken: Vec<Taken>,
}

#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) message_id: String,
    pub(crate) to: String,
}

#[derive(Debug)]
pub(crate) struct SimulatedMailer {
    pub(crate) world: Arc<World>,
}

#[async_trait]
impl Mailer for SimulatedMailer {
    async fn send(&self, mail: &Mail) -> Result<(), MailError> {
        let world = &self.world;
        world.crash_point("crash before", "mail").await;
        world.sleep(world.between(30, 2000)).await;
        let fails = world.fault(world.options.mail_fails);
        // A permanent refusal is rare, and needs a person.
        if fails && world.below(20) == 0 {
            world.saw("mail", "refused");
            return Err(MailError::Refused("no such mailbox".to_owned()));
        }
        if fails && world.below(2) == 0 {
            world.saw("mail", "not taken");
            return self.later("busy");
        }
        let message_id = match world.bug {
            Some(Bug::NewMessageIdPerTry) => format!("{:x}@example.com", world.draw()),
            _ => mail.message_id.clone(),
        };
        let to = mail.to.to_string();
        lock(&world.mailroom).taken.push(Taken { message_id, to });
        if fails {
            world.saw("mail", "taken, answer lost");
            return self.later("the answer was lost");
        }
        world.saw("mail", "taken");
        world.crash_point("crash after", "mail").await;
        Ok(())
    }
}

impl SimulatedMailer {
    fn later(&self, why: &str) -> Result<(), MailError> {
        match self.world.bug {
            Some(Bug::MailErrorIsSuccess) => Ok(()),
            _ => Err(MailError::Later(why.to_owned())),
        }
    }
}
