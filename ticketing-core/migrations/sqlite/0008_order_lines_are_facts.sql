-- What a ticket cost is a fact: no edit of an event changes an order. Refunds and new orders are rows of their own.
create trigger order_lines_are_facts before update on order_lines begin
    select raise(abort, 'constraint: a line of an order never changes');
end;
