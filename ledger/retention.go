package ledger

import (
	"slices"

	eventv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/event/v1"
)

// leastRetention is how long a paper of a kind is kept at least (会计档案管理办法, annex): what stands behind a voucher for
// thirty years, bank statements for ten, minutes for ever.
func leastRetention(kind string) eventv1.Retention {
	switch kind {
	case "bank_line":
		return eventv1.Retention_RETENTION_TEN_YEARS
	case "minutes":
		return eventv1.Retention_RETENTION_PERMANENT
	}
	return eventv1.Retention_RETENTION_THIRTY_YEARS
}

// retentions are the periods from the shortest to the longest.
var retentions = []eventv1.Retention{eventv1.Retention_RETENTION_TEN_YEARS, eventv1.Retention_RETENTION_THIRTY_YEARS, eventv1.Retention_RETENTION_PERMANENT}

// retentionOf is how long a paper is kept: what the command says, never less than its kind asks for; by its kind when the
// command says nothing. It is decided when the paper is booked and stored with it.
func retentionOf(doc Document) (eventv1.Retention, error) {
	least := leastRetention(doc.Kind)
	if doc.Retention == 0 {
		return least, nil
	}
	if slices.Index(retentions, doc.Retention) < slices.Index(retentions, least) {
		return 0, refuse(RetentionTooShort).with("kind", doc.Kind).with("needed", retentionYears[least]).with("given", retentionYears[doc.Retention]).at("documents.retention")
	}
	return doc.Retention, nil
}

// retentionYears are the periods as figures of a refusal.
var retentionYears = map[eventv1.Retention]string{eventv1.Retention_RETENTION_TEN_YEARS: "10", eventv1.Retention_RETENTION_THIRTY_YEARS: "30", eventv1.Retention_RETENTION_PERMANENT: "∞"}
