package projections

import (
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// gift is an agreed gift with every change of its purpose.
type gift struct {
	agreed  *eventv1.GiftAgreed
	version uint64
	changes []giftChange
}

type giftChange struct {
	fact    *eventv1.GiftPurposeChanged
	version uint64
}

func (b *Book) foldGift(e *eventv1.Event) {
	switch f := e.Fact.(type) {
	case *eventv1.Event_GiftAgreed:
		b.gifts.add(f.GiftAgreed.Id, &gift{agreed: f.GiftAgreed, version: e.Version})
	case *eventv1.Event_GiftPurposeChanged:
		g := b.gifts.byID[f.GiftPurposeChanged.GiftId]
		g.changes = append(g.changes, giftChange{f.GiftPurposeChanged, e.Version})
	}
}

// checkGift holds that facts about a gift come after its agreement.
func (b *Book) checkGift(e *eventv1.Event) string {
	id := e.GetGiftReceived().GetGiftId() + e.GetGiftPurposeChanged().GetGiftId()
	if id != "" && b.gifts.byID[id] == nil {
		return "it is about the unknown gift " + id
	}
	if id := e.GetGiftAgreed().GetId(); b.gifts.byID[id] != nil {
		return "it agrees the gift " + id + " a second time"
	}
	return ""
}

// Gift (定向捐赠) is a gift with a purpose of its own, fen: Left = Received - Spent, and Spent is less what was refunded.
type Gift struct {
	*eventv1.GiftAgreed                                 // part of an event: must not be changed; its Purpose is the first
	PurposeNow            string                        // at the moment asked for
	Changes               []*eventv1.GiftPurposeChanged // parts of events, oldest first
	Received, Spent, Left ledger.Fen
}

// Gifts lists the gifts agreed by the moment, in order of agreement, after the first `after` of them, and where to go on
// (0: the end).
func (b *Book) Gifts(after, limit int, m Moment) ([]Gift, int) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	w := b.view(m)
	return list(b.gifts.items, after, limit, func(g *gift) (Gift, bool) {
		if g.version > w.version {
			return Gift{}, false
		}
		shown := Gift{GiftAgreed: g.agreed, PurposeNow: g.agreed.Purpose}
		for _, c := range g.changes {
			if c.version <= w.version {
				shown.PurposeNow, shown.Changes = c.fact.Purpose, append(shown.Changes, c.fact)
			}
		}
		shown.Received, shown.Spent = b.given(ledger.GiftAccount(g.agreed.Id), w)
		shown.Left = shown.Received - shown.Spent
		return shown, true
	})
}

// given adds up what came in as the gift and what went out for it; a refund lowers what went out.
func (b *Book) given(account ledger.Account, w view) (received, spent ledger.Fen) {
	id, moved := b.accounts.ids[string(account)]
	if !moved {
		return 0, 0
	}
	own := &b.accounts.list[id].entries
	var before ledger.Fen
	for i := range own.before(w.rows) {
		e := own.at(i)
		amount := e.sum - before
		before = e.sum
		if !b.seen(e.row+1, w) {
			continue
		}
		if _, isRefund := b.journal.linkOf[e.row+1]; ledger.Class(b.journal.rows.at(int(e.row)).class) == ledger.Receipt && !isRefund {
			received -= amount
		} else {
			spent += amount
		}
	}
	return received, spent
}

func (d *digester) gift(g *gift) {
	d.number(g.version)
	d.message(g.agreed)
	for _, c := range g.changes {
		d.number(c.version)
		d.message(c.fact)
	}
}
