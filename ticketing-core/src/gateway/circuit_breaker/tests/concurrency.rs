//! Many callers at once, on real threads.

use super::*;

/// A breaker that trips, its time come, and a gateway that holds back every answer.
async fn about_to_probe() -> (Arc<CircuitBreaker>, Arc<Scripted>, Arc<HandClock>) {
    let (clock, gateway) = (HandClock::new(), Scripted::new(vec![Err(GatewayError::OutcomeUnknown); 5]));
    let breaker = Arc::new(breaker(&gateway, &clock));
    for _ in 0..5 {
        let _ = breaker.fetch(&reference()).await;
    }
    assert_eq!(state_of(&breaker, Class::Read), StateName::Open);
    clock.advance(Duration::from_secs(60));
    gateway.gate.forget_permits(Semaphore::MAX_PERMITS);
    (breaker, gateway, clock)
}

/// Waits for something that takes no time, and fails where it does not come.
async fn until(what: &str, is_so: impl Fn() -> bool) {
    let wait = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(10), wait).await.is_ok(), "never: {what}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn half_open_lets_exactly_one_of_many_through() {
    for tasks in [20, 1000] {
        let (breaker, gateway, _clock) = about_to_probe().await;
        let before = gateway.calls();
        let start = Arc::new(tokio::sync::Barrier::new(tasks));
        let callers: Vec<_> = (0..tasks)
            .map(|_| {
                let (breaker, start) = (Arc::clone(&breaker), Arc::clone(&start));
                tokio::spawn(async move {
                    start.wait().await;
                    breaker.fetch(&reference()).await
                })
            })
            .collect();
        // The probe is answered only when all the others have been.
        until("all but one were refused", || breaker.state()[1].refused == u64::try_from(tasks).unwrap() - 1).await;
        gateway.gate.add_permits(1);
        let (mut passed, mut refused) = (0, 0);
        for caller in callers {
            match caller.await.unwrap() {
                Ok(_) => passed += 1,
                Err(GatewayError::CircuitOpen { .. }) => refused += 1,
                Err(other) => panic!("{other:?}"),
            }
        }
        assert_eq!((passed, refused), (1, tasks - 1));
        assert_eq!(gateway.calls() - before, 1);
        assert_eq!(state_of(&breaker, Class::Read), StateName::HalfOpen, "one success of two");
    }
}

#[tokio::test]
async fn a_probe_whose_caller_goes_away_opens_the_breaker_again() {
    let (breaker, gateway, clock) = about_to_probe().await;
    let probe = tokio::time::timeout(Duration::from_millis(10), breaker.fetch(&reference())).await;
    assert!(probe.is_err(), "the caller lost patience");
    assert_eq!(state_of(&breaker, Class::Read), StateName::Open);
    // And it recovers from that.
    clock.advance(Duration::from_secs(120));
    gateway.gate.add_permits(2);
    assert_eq!(breaker.fetch(&reference()).await, Ok(None));
    assert_eq!(breaker.fetch(&reference()).await, Ok(None));
    assert_eq!(state_of(&breaker, Class::Read), StateName::Closed);
}

#[tokio::test]
async fn a_probe_that_panics_opens_the_breaker_again() {
    let (breaker, gateway, _clock) = about_to_probe().await;
    gateway.gate.close();
    let panicked = tokio::spawn({
        let breaker = Arc::clone(&breaker);
        async move { breaker.fetch(&reference()).await }
    })
    .await;
    assert!(panicked.is_err());
    assert_eq!(state_of(&breaker, Class::Read), StateName::Open);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn one_slow_call_delays_no_other() {
    let (clock, gateway) = (HandClock::new(), Scripted::new([]));
    let breaker = Arc::new(breaker(&gateway, &clock));
    gateway.gate.forget_permits(Semaphore::MAX_PERMITS);
    let slow = tokio::spawn({
        let breaker = Arc::clone(&breaker);
        async move { breaker.fetch(&reference()).await }
    });
    until("the slow call is in flight", || gateway.calls() == 1).await;
    // A caller that leaves a closed breaker says nothing about the gateway.
    for _ in 0..20 {
        assert!(tokio::time::timeout(Duration::from_millis(1), breaker.fetch(&reference())).await.is_err());
    }
    assert_eq!(gateway.calls(), 21, "all of them were sent while the first was in flight");
    assert_eq!(state_of(&breaker, Class::Read), StateName::Closed);
    gateway.gate.add_permits(1);
    assert_eq!(slow.await.unwrap(), Ok(None));
}
