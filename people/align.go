package people

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/mingzhang-ledger/mingzhang/eventstore"
	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
	"github.com/mingzhang-ledger/mingzhang/ledger"
)

// This file brings the vault in line with the log. Everything it does may be done again, from any point at which it was left, and by
// several nodes at once.

// ready gives the shelf of a collective after it was brought in line with the log.
func (v *Vault) ready(ctx context.Context, collective string) (*shelf, error) {
	s := v.shelf(collective)
	if !s.stale() {
		return s, nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for range triesMax {
		if !s.stale() {
			return s, nil
		}
		news := s.news.Load()
		err := v.align(ctx, collective, s)
		if err == nil {
			s.settled.Store(news)
			continue
		}
		if !errors.Is(err, ErrBehind) || ctx.Err() != nil {
			return nil, err
		}
	}
	if s.stale() {
		return nil, fmt.Errorf("personal data of %s: %w", collective, ErrBehind)
	}
	return s, nil
}

// align carries out what the log says and this process has not carried out yet. The shelf's lock is held.
func (v *Vault) align(ctx context.Context, collective string, s *shelf) error {
	var records []ledger.PersonalRecord
	err := v.log.View(ctx, collective, func(c *ledger.Collective) error {
		records, s.origin = c.PersonalRecords(), c.Charter().LogOrigin
		return nil
	})
	if unknown := (*ledger.Refusal)(nil); errors.As(err, &unknown) {
		v.mu.Lock()
		delete(v.shelves, collective) // made-up names do not fill the memory
		v.mu.Unlock()
	}
	if err != nil {
		return err
	}
	var changed []ledger.PersonalRecord
	erased := false
	for _, r := range records {
		if p := s.records[r.ID]; p == nil || p.Erasures != r.Erasures {
			changed = append(changed, r)
			erased = erased || r.Erasures > 0
		} else {
			p.PersonalRecord = r
		}
	}
	if erased {
		v.remains.Store(true)
	}
	places, err := v.carryOut(ctx, s.origin, changed)
	if err == nil {
		v.compact(ctx)
	}
	if err != nil {
		return fmt.Errorf("bring the personal data of %s in line with its log: %w", collective, err)
	}
	for _, p := range places {
		s.records[p.ID] = p
	}
	s.names.Store(namesOf(s.records))
	masks := masksOf(s.records)
	s.masks.Store(&masks)
	return nil
}

// compact makes sure that nothing of what was deleted is left in the store's files. When that fails the data is shown no more all the
// same, and Run tries again.
func (v *Vault) compact(ctx context.Context) {
	compacter, ok := v.store.(Compacter)
	v.compacting.Lock()
	defer v.compacting.Unlock()
	if !v.remains.Swap(false) || !ok {
		return
	}
	if err := compacter.Compact(ctx); err != nil {
		v.remains.Store(true)
		v.logger.Warn("parts of erased personal data may be in the files of the vault still", "error", err.Error())
	}
}

func namesOf(records map[uuid.UUID]*place) *Names {
	names := NewNames()
	for _, p := range records {
		if p.name != "" {
			names.Add(p.name)
		}
	}
	return names
}

func masksOf(records map[uuid.UUID]*place) Masks {
	masks, hidden := Masks{}, map[string]bool{}
	for _, p := range records {
		who := "party/" + p.Party
		if p.Member > 0 {
			who = "member/" + strconv.FormatUint(uint64(p.Member), 10)
		}
		gone := p.Erased | p.Restricted
		if gone.Has(eventv1.PersonalField_PERSONAL_FIELD_NAME) || gone.Has(eventv1.PersonalField_PERSONAL_FIELD_MASK) {
			hidden[who] = true
		} else if p.mask != "" {
			masks[who] = max(masks[who], p.mask) // several records of one person: the same one each time
		}
	}
	for who := range hidden {
		delete(masks, who)
	}
	return masks
}

// carryOut brings records in line, several at a time, and says where each is then.
func (v *Vault) carryOut(ctx context.Context, origin string, records []ledger.PersonalRecord) ([]*place, error) {
	places, failures := make([]*place, len(records)), make([]error, readersMax)
	var all sync.WaitGroup
	for worker := range readersMax {
		all.Go(func() {
			for i := worker; i < len(records) && failures[worker] == nil; i += readersMax {
				places[i], failures[worker] = v.carryOutOne(ctx, origin, records[i])
			}
		})
	}
	all.Wait()
	return places, errors.Join(failures...)
}

// carryOutOne makes the stream that counts the only one that a record has.
//
// A crash before the new stream is written leaves the former one; after that, both; while former ones are deleted, some of them. Each
// time the next look goes on from there.
func (v *Vault) carryOutOne(ctx context.Context, origin string, r ledger.PersonalRecord) (*place, error) {
	p := &place{PersonalRecord: r}
	if r.Erased == ledger.AllPersonalFields {
		return p, v.deleteStreams(ctx, r.ID, r.Erasures)
	}
	kept, err := v.current(ctx, origin, r)
	if err == nil && kept == nil && r.Erasures > 0 {
		kept, err = v.moveOn(ctx, origin, r)
	}
	if err != nil {
		return nil, err
	}
	if kept == nil {
		if err := v.notAhead(ctx, r); err != nil {
			return nil, err
		}
		p.lost = true
		return p, v.deleteStreams(ctx, r.ID, r.Erasures) // whatever is there is to be gone all the same
	}
	p.lost = incomplete(kept, r)
	if Given(kept, eventv1.PersonalField_PERSONAL_FIELD_NAME) {
		p.name = kept.Slots[eventv1.PersonalField_PERSONAL_FIELD_NAME-1].Value
	}
	if Given(kept, eventv1.PersonalField_PERSONAL_FIELD_MASK) {
		p.mask = kept.Slots[eventv1.PersonalField_PERSONAL_FIELD_MASK-1].Value
	}
	return p, v.deleteStreams(ctx, r.ID, r.Erasures)
}

// incomplete says whether a field is missing that every record has or that comes with another, and that no erasure took. Of other
// fields nobody but the vault knows whether they were given.
func incomplete(kept *eventv1.PersonalDataKept, r ledger.PersonalRecord) bool {
	gone := func(f eventv1.PersonalField) bool { return !Given(kept, f) && !r.Erased.Has(f) }
	name, mask := eventv1.PersonalField_PERSONAL_FIELD_NAME, eventv1.PersonalField_PERSONAL_FIELD_MASK
	return gone(eventv1.PersonalField_PERSONAL_FIELD_PERSON) || gone(name) && Given(kept, mask) || gone(mask) && Given(kept, name)
}

// moveOn writes what an erasure leaves of a record to the stream that counts from now on, made of the newest former one that is
// what the log is committed to; nil when there is none.
func (v *Vault) moveOn(ctx context.Context, origin string, r ledger.PersonalRecord) (*eventv1.PersonalDataKept, error) {
	for n := int(r.Erasures) - 1; n >= 0; n-- {
		e, err := v.sound(ctx, Stream(r.ID, uint32(n)), origin, r)
		if err != nil {
			return nil, err
		}
		if e == nil {
			continue
		}
		left := without(e.GetPersonalDataKept(), r.Erased.Has)
		meta := ledger.Meta{ID: uuid.UUID(e.CommandId), Actor: e.Actor, Now: time.UnixMicro(e.RecordedAt)}
		err = v.append(ctx, Stream(r.ID, r.Erasures), personal(left), meta)
		switch conflict := (*eventstore.ConflictError)(nil); {
		case errors.As(err, &conflict): // another node was first, with the same
			return v.current(ctx, origin, r)
		case errors.Is(err, eventstore.ErrDeleted):
			return nil, fmt.Errorf("record %v: %w", r.ID, ErrBehind)
		}
		return left, err
	}
	return nil, nil
}

// notAhead tells a record that is lost from one that another node has moved on, by an erasure that is not known here yet.
func (v *Vault) notAhead(ctx context.Context, r ledger.PersonalRecord) error {
	ahead, err := v.store.Version(ctx, Stream(r.ID, r.Erasures+1))
	if err == nil && ahead > 0 {
		err = fmt.Errorf("record %v: %w", r.ID, ErrBehind)
	}
	return err
}

// deleteStreams deletes the first streams of a record.
func (v *Vault) deleteStreams(ctx context.Context, record uuid.UUID, count uint32) error {
	for n := range count {
		stream := Stream(record, n)
		if err := v.store.Delete(ctx, stream); err != nil {
			return fmt.Errorf("erase %s: %w", stream, err)
		}
	}
	return nil
}

// Align brings the personal data of every collective in line with its log: approved erasures are carried out. A collective that cannot
// be read is left out, with its error.
func (v *Vault) Align(ctx context.Context) error {
	collectives, err := v.log.Collectives(ctx)
	if err != nil {
		return err
	}
	var failures []error
	for _, id := range collectives {
		if _, err := v.ready(ctx, id); err != nil {
			failures = append(failures, err)
		}
	}
	return errors.Join(failures...)
}

// Settle does it for one collective and says whether nothing of what was erased is left in files of this store.
func (v *Vault) Settle(ctx context.Context, collective string) (bool, error) {
	_, err := v.ready(ctx, collective)
	if err == nil {
		v.compact(ctx)
	}
	return err == nil && !v.remains.Load(), err
}

// Sweep deletes orphans: records older than a day that no log is committed to, left by commands that were refused or cut off; and what
// was asked by inquiries when its time is over. It gives their number.
func (v *Vault) Sweep(ctx context.Context) (swept int, err error) {
	lister, ok := v.store.(eventstore.Lister)
	if !ok {
		return 0, nil
	}
	streams, err := lister.List(ctx)
	if err != nil {
		return 0, err
	}
	for _, one := range streams {
		if one.Deleted || !Kept(one.Stream) {
			continue
		}
		gone, err := v.goes(ctx, one.Stream)
		if err == nil && gone {
			if err = v.store.Delete(ctx, one.Stream); err == nil {
				swept++
			}
		}
		if err != nil {
			return swept, fmt.Errorf("sweep %s: %w", one.Stream, err)
		}
	}
	if swept > 0 {
		v.remains.Store(true)
		v.compact(ctx)
	}
	return swept, nil
}

// goes says whether a stream of the vault is swept.
func (v *Vault) goes(ctx context.Context, stream string) (bool, error) {
	if record, ok := InquiryRecordOf(stream); ok {
		return v.spent(ctx, stream, record)
	}
	record, _ := RecordOf(stream)
	return v.orphan(ctx, stream, record)
}

// orphan says whether a stream is of a record that no log is committed to, nor keeps a seed of, and old enough. One of a collective that is not there is
// none: its log may come back.
func (v *Vault) orphan(ctx context.Context, stream string, record uuid.UUID) (orphan bool, err error) {
	e, err := v.read(ctx, stream)
	if err != nil || e == nil || v.clock().Sub(time.UnixMicro(e.RecordedAt)) < orphanAge {
		return false, err
	}
	err = v.log.View(ctx, e.GetPersonalDataKept().CollectiveId, func(c *ledger.Collective) error {
		_, known := c.PersonalRecord(record)
		orphan = !known && !c.HoldsSeed(record)
		return nil
	})
	if refusal := (*ledger.Refusal)(nil); errors.As(err, &refusal) {
		return false, nil
	}
	return orphan, err
}

// Run carries out what is approved, also on other nodes, and sweeps, until the context ends. It begins by bringing everything in line.
func (v *Vault) Run(ctx context.Context) {
	retry := time.NewTimer(0)
	defer retry.Stop()
	swept := time.Time{}
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
			return
		case <-v.wake:
		case <-retry.C:
		}
		next := sweepEvery
		if err := v.Align(ctx); err != nil && ctx.Err() == nil {
			v.logger.Error("personal data is not in line with the log yet; it is not shown", "error", err.Error())
			next = retryAfter
		} else if v.compact(ctx); v.remains.Load() {
			next = retryAfter
		} else if now := v.clock(); now.Sub(swept) >= sweepEvery {
			swept = now
			if n, err := v.Sweep(ctx); err != nil && ctx.Err() == nil {
				v.logger.Error("sweeping personal data without a record in the log failed", "error", err.Error())
			} else if n > 0 {
				v.logger.Info("personal data without a record in the log was swept", "records", n)
			}
		}
		retry.Reset(next)
	}
}
