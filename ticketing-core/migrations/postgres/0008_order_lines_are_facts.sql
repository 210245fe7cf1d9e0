-- What a ticket cost is a fact: no edit of an event changes an order. Refunds and new orders are rows of their own.
create function order_lines_are_facts() returns trigger language plpgsql as $$
begin
    raise exception 'constraint: a line of an order never changes';
end
$$;
create trigger order_lines_are_facts before update on order_lines
    for each row execute function order_lines_are_facts();
