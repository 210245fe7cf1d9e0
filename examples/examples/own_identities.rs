//! A club that has had members, with ids of its own, long before it sold tickets. Ticketing never sees a password: the club
//! says who acts, and Ticketing says what they may do.
//!
//! Run it with: cargo run -p ticketing-examples --example own_identities

use std::collections::BTreeMap;
use ticketing_core::domain::check_in::Scan;
use ticketing_core::domain::event::{NewEvent, NewTicketType};
use ticketing_core::domain::money::Money;
use ticketing_core::domain::payment::Settlement;
use ticketing_core::domain::principal::{Buyer, Principal};
use ticketing_core::domain::refusal::Refusal;
use ticketing_core::domain::ticket::Ticket;
use ticketing_core::storage::memory::MemoryStorage;
use ticketing_core::testing::FakeGateway;
use ticketing_core::{Error, Ticketing};
use ticketing_core::{LineRequest, OrderRequest, PayOptions};

type Outcome<T = ()> = Result<T, Box<dyn std::error::Error>>;

/// The club's own directory of people: member number to e-mail address.
struct Club {
    members: BTreeMap<u32, &'static str>,
    tickets: Ticketing,
    bank: FakeGateway,
}

impl Club {
    /// A member, as Ticketing knows them: by the club's own number, under a word of the club's choice.
    fn principal(member: u32) -> Principal {
        Principal::External(format!("member-{member}"))
    }

    fn buyer(&self, member: u32) -> Outcome<Buyer> {
        let email = self.members.get(&member).ok_or("no such member")?;
        Ok(Buyer::new(Self::principal(member), email.parse()?))
    }

    /// Buys for a member, who pays at once.
    async fn sell(&self, member: u32, request: OrderRequest) -> Outcome<Vec<Ticket>> {
        let buyer = self.buyer(member)?;
        let started = self.tickets.buy(&buyer, request, PayOptions::default()).await?;
        self.bank.pay(&started.attempt.reference);
        match self.tickets.verify(&buyer.who, &started.attempt.reference).await? {
            Settlement::Fulfilled { tickets, .. } => Ok(tickets),
            other => Err(format!("not paid: {other:?}").into()),
        }
    }
}

#[tokio::main]
async fn main() -> Outcome {
    let bank = FakeGateway::new();
    let tickets = Ticketing::builder(MemoryStorage::new()).gateway(bank.clone()).build()?;
    let members = BTreeMap::from([(1, "chair@club.example"), (7, "ada@club.example"), (8, "bob@club.example")]);
    let club = Club { members, tickets, bank };

    // The chair runs a party: 3 places in all, of which at most one at the front.
    let chair = Club::principal(1);
    let ngn = "NGN".parse()?;
    let mut party = NewEvent::general_admission(
        "Summer party",
        "2099-07-01T18:00:00Z".parse()?,
        "Garden",
        Money::zero(ngn),
        Some(3),
    );
    party.ticket_types = vec![
        NewTicketType::new("Lawn", Money::parse("1500.00", ngn)?),
        NewTicketType::new("Front row", Money::parse("9000.00", ngn)?).with_capacity(1),
    ];
    let party = club.tickets.create_event(&chair, party).await?;
    let [lawn, front] = [party.ticket_types[0].id, party.ticket_types[1].id];
    let wish = |id, quantity| LineRequest::new(quantity).with_ticket_type_id(id);
    let order = |lines| OrderRequest::new(party.id, lines);

    // One order, two kinds of tickets.
    let adas = club.sell(7, order(vec![wish(lawn, 1), wish(front, 1)])).await?;
    println!("Ada has {} tickets", adas.len());

    // The front row is gone. A refusal is a value with facts in it, not a text to be searched.
    match club.tickets.hold(&club.buyer(8)?, order(vec![wish(front, 1)])).await {
        Err(Error::Refused(Refusal::SoldOut { available, .. })) => {
            println!("The front row has {available} places left")
        }
        other => return Err(format!("sold out is wanted, found {other:?}").into()),
    }

    // Bob cannot see Ada's tickets, and his own list is empty.
    let bob = Club::principal(8);
    assert!(matches!(club.tickets.ticket(&bob, adas[0].id).await, Err(Error::NotFound(_))));

    // At the gate: the first scan lets Ada in, the second one says when that was.
    let scan = |nonce: &str| Scan::new(adas[0].code.clone(), nonce, chair.clone()).with_gate("north".to_owned());
    club.tickets.check_in(scan("scan-1")).await?;
    println!("Ada is in");
    match club.tickets.check_in(scan("scan-2")).await {
        Err(Error::Refused(Refusal::TicketUsed { gate, .. })) => {
            println!("Used already, at gate {}", gate.unwrap_or_default())
        }
        other => return Err(format!("used is wanted, found {other:?}").into()),
    }
    Ok(())
}
