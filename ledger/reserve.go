package ledger

import "context"

// ReserveName makes the books of a collective known that were not founded here but copied into the store, whole. Before it
// nobody can use them, and it comes last, so that books which are not whole are never seen. A name that is known already is no
// error. Meta.Now, when zero, is the service's clock.
func (s *Service) ReserveName(ctx context.Context, collective string, m Meta) error {
	if !ValidCollectiveID(collective) {
		return refuse(CollectiveIDInvalid).with("id", clip(collective)).at("collective_id")
	}
	if m.Now.IsZero() {
		m.Now = s.clock()
	}
	return s.names.reserve(ctx, collective, m)
}
