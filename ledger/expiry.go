package ledger

import eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"

// This file decides about requests that lapse. The spending rule in force when a request is made says for how many days it can
// be acted on; the last of them stands in the request, by the clock and not by any voucher's day. A lapsed request goes on
// holding its authority until somebody ends it, so that nothing changes without a fact.

// requestDaysMax bounds the days of a request.
const requestDaysMax = 3660

// ExpireRequest ends a request whose last day is over.
type ExpireRequest struct{ Number uint32 }

// Name is the method's name.
func (*ExpireRequest) Name() string { return "ExpireRequest" }

// lapsed says whether the last day of a request is over.
func (r *request) lapsed(today Day) bool {
	return r.fact.ExpiresOn != 0 && today > Day(r.fact.ExpiresOn)
}

// acting finds an open request that can still be acted on.
func (d *decision) acting(number uint32) (*request, error) {
	r, err := d.open(number)
	if err == nil && r.lapsed(d.today) {
		err = refuse(RequestExpired).with("request", number).with("expires_on", Day(r.fact.ExpiresOn)).with("today", d.today).at("request_number")
	}
	return r, err
}

// Only a lapsed request expires; any other is rejected or withdrawn.
func (c *ExpireRequest) decide(d *decision) error {
	r, err := d.open(c.Number)
	if err != nil {
		return err
	}
	if !r.lapsed(d.today) {
		last := "—"
		if r.fact.ExpiresOn != 0 {
			last = Day(r.fact.ExpiresOn).String()
		}
		return refuse(RequestRunning).with("request", c.Number).with("expires_on", last).with("today", d.today).at("request_number")
	}
	d.emit(&eventv1.Event{Fact: &eventv1.Event_RequestExpired{RequestExpired: &eventv1.RequestExpired{Number: c.Number}}})
	return nil
}

// lapsedHolding is the lowest number of a lapsed request that still holds authority of a resolution, 0 for none: what a
// refusal for want of authority points at.
func (d *decision) lapsedHolding(resolution string) (number uint32) {
	for n, r := range d.s.requests {
		if id, _ := r.reserves(); id == resolution && r.lapsed(d.today) && (number == 0 || n < number) {
			number = n
		}
	}
	return number
}
