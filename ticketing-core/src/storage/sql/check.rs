//! The invariants in SQL. Each query finds what should not exist and describes it. Written independently of
//! [`invariants`](crate::domain::invariants) on purpose, so that a mistake in one does not hide a fault.

use super::{Connection, Found, Result, Statement};

/// Each finds rows with a `wrong` column.
const QUESTIONS: &[&str] = &[
    "select 'ticket type ' || t.id || ' counts ' || t.held || ' held and ' || t.sold || ' sold, but ' || h.n || ' are held and ' \
        || s.n || ' sold' as wrong \
    from ticket_types t \
    join (select t.id, coalesce(sum(case when o.status = 'held' then l.quantity end), 0) as n from ticket_types t \
        left join order_lines l on l.ticket_type_id = t.id left join orders o on o.id = l.order_id group by t.id) h on h.id = t.id \
    join (select t.id, count(k.id) as n from ticket_types t \
        left join tickets k on k.ticket_type_id = t.id and (k.status in ('active', 'used') or k.keeps_place = 1) group by t.id) s on s.id = t.id \
    where t.held <> h.n or t.sold <> s.n order by t.id",
    "select 'event ' || e.id || ' counts ' || e.held || ' held and ' || e.sold || ' sold, but its types count ' || sum(t.held) \
        || ' held and ' || sum(t.sold) || ' sold' as wrong \
    from events e join ticket_types t on t.event_id = e.id group by e.id, e.held, e.sold \
    having e.held <> sum(t.held) or e.sold <> sum(t.sold) order by e.id",
    "select 'promo code ' || c.id || ' counts ' || c.held || ' held and ' || c.sold || ' sold, but ' || h.n || ' are held and ' \
        || s.n || ' sold' as wrong \
    from promo_codes c \
    join (select c.id, coalesce(sum(case when o.status = 'held' then l.quantity end), 0) as n from promo_codes c \
        left join order_lines l on l.promo_code_id = c.id left join orders o on o.id = l.order_id group by c.id) h on h.id = c.id \
    join (select c.id, count(k.id) as n from promo_codes c left join order_lines l on l.promo_code_id = c.id \
        left join tickets k on k.order_id = l.order_id and k.line = l.line and (k.status in ('active', 'used') or k.keeps_place = 1) \
        group by c.id) s on s.id = c.id \
    where c.held <> h.n or c.sold <> s.n order by c.id",
    "select 'order ' || o.id || ' costs ' || o.total_minor || ' and its lines ' || sum(l.quantity * l.unit_minor) as wrong \
    from orders o join order_lines l on l.order_id = o.id group by o.id, o.total_minor \
    having o.total_minor <> sum(l.quantity * l.unit_minor) order by o.id",
    "select 'order ' || o.id || ' is ' || o.status || ' and has ' || count(k.id) || ' tickets' as wrong \
    from orders o left join tickets k on k.order_id = o.id and k.replaces is null \
    group by o.id, o.status \
    having count(k.id) <> case when o.status = 'paid' \
        then (select sum(l.quantity) from order_lines l where l.order_id = o.id) else 0 end order by o.id",
    "select 'order ' || o.id || ' is paid and no attempt bought its tickets' as wrong from orders o \
    where o.status = 'paid' and not exists (select 1 from attempts a where a.order_id = o.id and a.status in ('fulfilled', 'reversed', 'disputed')) \
    order by o.id",
    "select 'order ' || o.id || ' is ' || o.status || ' and attempt ' || a.reference || ' bought its tickets' as wrong \
    from attempts a join orders o on o.id = a.order_id where a.status = 'fulfilled' and o.status <> 'paid' order by o.id",
    "select 'attempt ' || a.reference || ' brought ' || coalesce(a.captured_minor, 0) || ' and ' || sum(r.amount_minor) || ' go back' \
        as wrong \
    from attempts a join refunds r on r.attempt = a.reference group by a.reference, a.captured_minor \
    having sum(r.amount_minor) > coalesce(a.captured_minor, 0) order by a.reference",
    "select 'attempt ' || a.reference || ' is to go back whole: ' || a.captured_minor || ' came and ' \
        || coalesce(sum(r.amount_minor), 0) || ' go' as wrong \
    from attempts a left join refunds r on r.attempt = a.reference where a.status = 'refund_due' \
    group by a.reference, a.captured_minor having coalesce(sum(r.amount_minor), 0) <> a.captured_minor order by a.reference",
    "select 'ticket ' || k.id || ' is used and nobody was let in' as wrong from tickets k \
    where k.status = 'used' and not exists (select 1 from check_ins c where c.ticket_id = k.id and c.annulled_at is null) order by k.id",
    "select 'ticket ' || k.id || ' is active and somebody was let in with it' as wrong from tickets k \
    join check_ins c on c.ticket_id = k.id where k.status = 'active' and c.annulled_at is null order by k.id",
    "select 'ticket ' || k.id || ' is void, keeps its place and nobody was let in with it' as wrong from tickets k \
    where k.keeps_place = 1 and not exists (select 1 from check_ins c where c.ticket_id = k.id and c.annulled_at is null) order by k.id",
    "select 'account ' || a.id || ' keeps other memberships than it has' as wrong from accounts a \
    left join members m on m.account_id = a.id and m.removed_at is null \
    group by a.id, a.memberships having length(coalesce(a.memberships, '')) \
        <> coalesce(sum(length(';' || m.organisation_id || ':' || m.role || ':' || coalesce(m.events, '*') || ';')), 0) \
        or sum(case when m.id is not null and replace(coalesce(a.memberships, ''), \
            ';' || m.organisation_id || ':' || m.role || ':' || coalesce(m.events, '*') || ';', '') = coalesce(a.memberships, '') \
            then 1 else 0 end) > 0 order by a.id",
    "select 'organisation ' || o.id || ' has no owner' as wrong from organisations o where not exists \
        (select 1 from members m where m.organisation_id = o.id and m.role = 'owner' and m.removed_at is null) order by o.id",
    "select 'account ' || a.id || ' says of its second factor ' || a.has_second_factor || ', and the factor something else' as wrong \
    from accounts a left join factors f on f.account_id = a.id \
    where a.has_second_factor <> case when f.confirmed_at is null then 0 else 1 end order by a.id",
    "select 'order ' || o.id || ' is paid and no mail with its tickets is owed or sent' as wrong from orders o \
    where o.status = 'paid' and o.email <> '' \
        and not exists (select 1 from attempts a where a.order_id = o.id and a.recorded_by is not null) \
        and not exists (select 1 from mails m where m.order_id = o.id and m.kind = 'tickets') order by o.id",
    "select 'ticket ' || k.id || ' is ' || k.status || ' and ' || count(n.id) || ' came in place of it' as wrong \
    from tickets k left join tickets n on n.replaces = k.id and n.order_id = k.order_id group by k.id, k.status \
    having count(n.id) <> case when k.status = 'transferred' then 1 else 0 end order by k.id",
    "select 'line ' || l.line || ' of order ' || l.order_id || ' has ' || count(k.id) || ' tickets that were not replaced' as wrong \
    from order_lines l join orders o on o.id = l.order_id and o.status = 'paid' \
    left join tickets k on k.order_id = l.order_id and k.line = l.line and k.status <> 'transferred' \
    group by l.order_id, l.line, l.quantity having count(k.id) <> l.quantity order by l.order_id, l.line",
    "select 'ticket ' || t.ticket_id || ' is offered twice' as wrong from transfers t where t.status = 'offered' \
    group by t.ticket_id having count(*) > 1 order by t.ticket_id",
    "select 'transfer ' || t.id || ' is ' || t.status || ', and its new ticket is not so' as wrong from transfers t \
    left join tickets k on k.id = t.new_ticket_id and k.replaces = t.ticket_id \
    where (case when t.status = 'taken' then 1 else 0 end) <> (case when k.id is null then 0 else 1 end) order by t.id",
];

/// Returns one sentence per violated invariant.
pub(in crate::storage) async fn all(connection: &mut dyn Connection) -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for question in QUESTIONS {
        let mut see = |row: &mut dyn Found| {
            wrong.extend(row.text()?);
            Ok(())
        };
        connection.fetch(Statement { sql: (*question).to_owned(), ..Statement::default() }, &mut see).await?;
    }
    Ok(wrong)
}
