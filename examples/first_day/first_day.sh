#!/bin/sh
# An organiser's first day, with curl: ten wishes, each in one or two calls. Start a server first, with an empty database:
#   cargo run -p ticketing-http
# It needs no other tool. `$1` is the server; the default is the one on this machine.
set -eu
api=${1:-http://localhost:8000}
json='Content-Type: application/json'

say() { printf '\n%s\n' "$1"; }
call() { curl -sS --fail-with-body "$@"; }
# The first field of this name.
field() { grep -o "\"$1\":[^,}]*" | head -n 1 | cut -d: -f2- | tr -d '"'; }
# A name that is new, so that the script can be run again.
name=organiser-$$-$(date +%s)

call "$api/auth/register" -H "$json" -d "{\"email\": \"$name@example.com\", \"name\": \"Ada\", \"password\": \"a long passphrase\"}" >/dev/null
token=$(call "$api/auth/login" -H "$json" -d "{\"email\": \"$name@example.com\", \"password\": \"a long passphrase\"}" | field access_token)
auth="Authorization: Bearer $token"
event=$(call "$api/events" -H "$auth" -H "$json" -d '{"title": "Jazz Night", "event_date": "2099-11-30T19:00:00Z", "location": "Lagos", "price": "5000", "capacity": 100}' | field id)
settings=$api/events/$event/settings
sold=$(call "$api/events/$event/orders" -H "$auth" -H "$json" -d '{"lines": [{"quantity": 3}], "payment": "cash", "email": "guest@example.com"}')
order=$(echo "$sold" | field reference)
ticket=$(echo "$sold" | field id)

say '1. Change the date'
call -X PATCH "$settings" -H "$auth" -H "$json" -H 'If-Match: *' -d '{"event_date": "2099-12-01T19:00:00Z"}' | field event_date
say '2. Raise the capacity'
call -X PATCH "$settings" -H "$auth" -H "$json" -H 'If-Match: *' -d '{"capacity": 150}' | field capacity
say '3. Add a ticket type'
regular=$(call "$settings" -H "$auth" | field id)
call -X PATCH "$settings" -H "$auth" -H "$json" -H 'If-Match: *' -d "{\"ticket_types\": [{\"id\": $regular}, {\"name\": \"VIP\", \"price\": \"9000\"}]}" | grep -o '"name":"[^"]*"'
say '4. List the buyers'
call "$api/events/$event/attendees" -H "$auth" | grep -o '"buyer_email":"[^"]*"' | sort | uniq -c
say '5. Export them'
call "$api/events/$event/exports/attendees" -H "$auth" | head -n 2
say '6. Give a ticket away'
call "$api/events/$event/orders" -H "$auth" -H "$json" -d "{\"lines\": [{\"ticket_type_id\": $regular, \"quantity\": 1}], \"payment\": \"free\", \"note\": \"The band\"}" | field total
say '7. Send the tickets again'
call "$api/orders/$order/resend" -H "$auth" -H "$json" -d '{}' | field kind
say '8. Cancel one ticket'
call "$api/payments/$order/refunds" -H "$auth" -H "$json" -d "{\"tickets\": [$ticket], \"amount\": \"0\"}" | field status
say '9. Refund half of another one'
call "$api/payments/$order/refunds" -H "$auth" -H "$json" -d "{\"tickets\": [$((ticket + 1))], \"amount\": \"2500\"}" | field amount
say '10. Close the sales'
call -X POST "$api/events/$event/pause" -H "$auth" | field paused
