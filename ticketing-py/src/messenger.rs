//! The messenger: the only thread of the engine that enters Python.
//!
//! The engine's other threads never wait for the interpreter lock. They hand a [`PythonTask`] to the messenger, which runs one
//! after the other. A task must be short: it starts work in Python, it does not wait for it.

use crate::sync::lock;
use pyo3::prelude::*;
use std::sync::{Mutex, mpsc};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Work to run with the interpreter attached. An error goes to `sys.unraisablehook`.
pub(crate) type PythonTask = Box<dyn FnOnce(Python<'_>) -> PyResult<()> + Send>;

/// A queue of tasks and the thread that runs them, started by the first task.
#[derive(Debug, Default)]
pub(crate) struct Messenger(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    NotStarted,
    Running(mpsc::Sender<Message>, JoinHandle<()>),
    Stopped,
}

enum Message {
    Run(PythonTask),
    Stop,
}

impl Messenger {
    /// Queues a task. Returns at once; after [`stop`](Self::stop) the task is dropped.
    pub(crate) fn send(&self, task: PythonTask) {
        let mut state = lock(&self.0);
        if matches!(*state, State::NotStarted) {
            let (sender, messages) = mpsc::channel();
            // If the system has no thread for us, tasks are dropped, and their callers time out.
            if let Ok(thread) =
                std::thread::Builder::new().name("ticketing-messenger".to_owned()).spawn(move || run(&messages))
            {
                *state = State::Running(sender, thread);
            }
        }
        if let State::Running(sender, _) = &*state {
            drop(sender.send(Message::Run(task)));
        }
    }

    /// Runs the tasks that are queued, then ends the thread. Waits for it until `deadline`.
    pub(crate) fn stop(&self, deadline: Instant) {
        let state = std::mem::replace(&mut *lock(&self.0), State::Stopped);
        if let State::Running(sender, thread) = state {
            drop(sender.send(Message::Stop));
            while !thread.is_finished() && Instant::now() < deadline {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
    }
}

fn run(messages: &mpsc::Receiver<Message>) {
    while let Ok(Message::Run(task)) = messages.recv() {
        Python::attach(|py| {
            if let Err(error) = task(py) {
                error.write_unraisable(py, None);
            }
        });
    }
}
