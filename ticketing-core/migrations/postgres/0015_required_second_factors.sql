-- Organisations whose members need a second factor.

alter table organisations add column requires_second_factor bigint not null default 0 check (requires_second_factor in (0, 1));
