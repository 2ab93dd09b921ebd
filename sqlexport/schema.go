package sqlexport

import "strings"

// object is a table or a view of the export and what its columns mean. The docs table and the tests are made of it.
type object struct {
	name, about string
	columns     []column
	tail        string // of a table: more constraints; empty for none
	query       string // of a view; empty for a table
}

type column struct{ name, kind, about string }

// What kinds of columns hold.
const (
	text    = "TEXT NOT NULL"
	maybe   = "TEXT"             // NULL: there is none
	count   = "INTEGER NOT NULL" // also fen and numbers of versions
	some    = "INTEGER"          // NULL: there is none
	boolean = "INTEGER NOT NULL" // 1 or 0
)

var tables = []object{
	{"collective", "The collective, one row, and the moment that this export shows.", []column{
		{"id", text, "its id"}, {"name", text, "its public name"}, {"currency", text, "always CNY"}, {"time_zone", text, "zone of its business days"},
		{"first_day", text, "first business day, YYYY-MM-DD"}, {"log_origin", text, "name of its Merkle log"}, {"simulated_clock", boolean, "1: the books run on a simulated clock"},
		{"version", count, "number of its events that are in this export"}, {"as_of", maybe, "business day up to which vouchers count; NULL: all"},
	}, "", ""},
	{"funds", "Funds, in the order of the charter, then of their opening.", []column{
		{"fund", text + " PRIMARY KEY", "id"}, {"name", text, "public name"}, {"place", count, "from 1"},
	}, "", ""},
	{"accounts", "Every account that moved, and those of funds and money accounts that did not yet.", []column{
		{"account", text + " PRIMARY KEY", "path, e.g. fund/welfare"}, {"kind", text, "first part of the path: money, receivable, fund, payable, deposit, project, gift"},
		{"id", text, "second part of the path"}, {"name", maybe, "public name of a fund or money account"},
		{"sign", count, "1: a debit is a balance (money, receivable); -1: a credit is (all others)"},
	}, "", ""},
	{"events", "The log: one row an event, without its content.", []column{
		{"version", "INTEGER PRIMARY KEY", "place in the log, from 1 without a gap"}, {"type", text, "name of the fact"}, {"recorded_at", text, "when it was stored, RFC 3339, UTC"},
		{"actor", text, "operator who gave the command"}, {"command", text, "id of the command, a UUID"}, {"hash", text, "leaf hash in the Merkle log, hex"},
	}, "", ""},
	{"vouchers", "Vouchers, each with what it says about itself.", []column{
		{"voucher", text + " PRIMARY KEY", "number, e.g. 付2021-19"}, {"place", count + " UNIQUE", "order of day, then of the log, from 1"}, {"class", text, "receipt, payment or transfer"}, {"year", count, "year of its number"},
		{"number", count, "number in class and year, from 1 without a gap"}, {"occurred_on", text, "business day, YYYY-MM-DD"}, {"version", count + " REFERENCES events", "event that booked it"},
		{"narration", text, "public text"}, {"amount_fen", count, "sum of its debits; negative when negative is 1"}, {"negative", boolean, "1: counts negative in the turnover (a reversal, or a difference that lowers an amount)"},
		{"party", maybe, "who paid or was paid: org/<name>, member/<number>, party/<id>"}, {"purpose", maybe, "purpose of a payment"}, {"income_kind", maybe, "kind of income that was split"},
		{"resolution", maybe, "resolution whose authority it draws"}, {"drawn_fen", count, "authority drawn; negative when given back"}, {"request", some, "request it settles"},
		{"reverses", maybe, "voucher it turns back; as of a day that may be a later one, which is not here"}, {"corrects", maybe, "voucher it puts right"}, {"reversed_by", maybe, "voucher that turned it back"},
		{"grant_round", maybe, "grant round it belongs to"}, {"dividend_run", maybe, "dividend it belongs to"}, {"dividend_file", some, "payout file of that dividend"},
	}, "", ""},
	{"postings", "The lines of the vouchers. They sum to zero in every voucher.", []column{
		{"voucher", text + " REFERENCES vouchers", "voucher"}, {"line", count, "from 1"}, {"account", text + " REFERENCES accounts", "account"},
		{"amount_fen", count + " CHECK (amount_fen <> 0)", "fen, debit positive"}, {"party", maybe, "whose part of the account it is"},
	}, "PRIMARY KEY (voucher, line)", ""},
	{"documents", "The papers behind the vouchers; their files are not in this export.", []column{
		{"voucher", text + " REFERENCES vouchers", "voucher that cites it"}, {"line", count, "from 1"}, {"kind", text, "invoice, receipt, bank_line, contract, minutes, list, other"},
		{"issuer", text, "code or digest of the issuer"}, {"number", text, "the issuer's number"}, {"total_fen", count, "total on the paper"},
		{"cited_fen", count, "part of the total that this voucher cites"}, {"sha256", maybe, "of its file, hex"}, {"media_type", maybe, "of its file"}, {"size", some, "of its file, bytes"},
	}, "PRIMARY KEY (voucher, line)", ""},
	{"resolutions", "Votes, in order of recording.", []column{
		{"resolution", text + " PRIMARY KEY", "id"}, {"place", count, "from 1"}, {"title", text, "public title"}, {"body", text, "who voted"}, {"decided_on", text, "day of the vote"}, {"matter", text, "what it is about"},
		{"electorate", count, "people entitled to vote"}, {"present", count, "people present"}, {"votes_for", count, ""}, {"votes_against", count, ""}, {"abstained", count, ""},
		{"passed", boolean, "1: quorum and share were reached"}, {"confirmed", boolean, "1: a supervisor found it true to the minutes"}, {"minutes_sha256", text, "of the minutes, hex"},
		{"fund", maybe, "fund it gives authority over"}, {"purpose", maybe, "the only purpose it allows"}, {"authority_fen", count, "authority = reserved + drawn + remaining"},
		{"reserved_fen", count, "held by open requests and rounds"}, {"drawn_fen", count, "spent by vouchers"}, {"remaining_fen", count, "free"},
	}, "", ""},
	{"requests", "Outlays asked for, by number, and how far each got.", []column{
		{"request", "INTEGER PRIMARY KEY", "number, from 1"}, {"kind", text, "payment, transfer, correction or dividend"}, {"state", text, "open, settled, rejected or withdrawn"}, {"fund", maybe, "fund that bears it"},
		{"purpose", maybe, ""}, {"amount_fen", count, ""}, {"payee", maybe, "written like a voucher's party"}, {"narration", text, "public text"}, {"resolution", maybe, "resolution it draws on"},
		{"requested_by", text, "operator"}, {"requested_at", text, "RFC 3339, UTC"}, {"reviewed_by", maybe, "operator"}, {"approved_by", maybe, "operators in order, a blank between"}, {"ended_by", maybe, "operator who settled, rejected or withdrew it"}, {"reason", maybe, "of a rejection"},
	}, "", ""},
	{"members", "How many members there are; who they are is nobody's business here.", []column{
		{"on_day", text, "day they were counted: as_of, else that of the last event"}, {"members", count, ""}, {"households", count, ""},
	}, "", ""},
	{"dividends", "Dividends, in order of declaration.", []column{
		{"place", "INTEGER PRIMARY KEY", "from 1"}, {"run", text, "id; one of a cancelled run may be used again"}, {"state", text, "declared or cancelled"}, {"declared_on", text, "business day"}, {"fund", text, "fund that bore it"}, {"resolution", maybe, ""},
		{"pool_fen", count, "what was to be distributed"}, {"rate_fen", count, "what one share gets"}, {"payees", count, ""}, {"declared_fen", count, "declared = paid + owed, unless cancelled"}, {"paid_fen", count, ""}, {"owed_fen", count, ""}, {"paid_count", count, "payees paid"},
	}, "", ""},
	{"grants", "Grant rounds, in order of opening, without their applicants.", []column{
		{"round", text + " PRIMARY KEY", "id"}, {"place", count, "from 1"}, {"title", text, "public title"}, {"fund", text, ""}, {"purpose", text, ""}, {"state", text, "open, reviewed, notice or awarded"}, {"notice_from", maybe, "first day of the notice"}, {"notice_to", maybe, "last day of the notice"},
		{"resolution", maybe, ""}, {"budget_fen", count, ""}, {"total_fen", count, "asked for by all applicants"}, {"paid_fen", count, ""}, {"applicants", count, ""}, {"paid_count", count, "applicants paid"},
	}, "", ""},
	{"periods", "Months that were closed, for good.", []column{
		{"month", text + " PRIMARY KEY", "YYYY-MM"}, {"version", count + " REFERENCES events", "event that closed it"}, {"closed_at", text, "RFC 3339, UTC"},
	}, "", ""},
}

// The two columns of the turnover: a voucher marked negative counts negative in the column of what it turns back.
const (
	debitFen  = "CASE WHEN (p.amount_fen > 0) <> v.negative THEN p.amount_fen ELSE 0 END"
	creditFen = "CASE WHEN (p.amount_fen > 0) <> v.negative THEN 0 ELSE -p.amount_fen END"
)

// yuan writes fen as yuan with two decimals.
func yuan(fen string) string {
	return "printf('%s%d.%02d', CASE WHEN " + fen + " < 0 THEN '-' ELSE '' END, abs(" + fen + ") / 100, abs(" + fen + ") % 100)"
}

var views = []object{
	{"balances", "Every account's balance.", []column{
		{"account", text, "path"}, {"name", maybe, "public name"}, {"balance_fen", count, "positive on the account's own side"}, {"balance", text, "the same in yuan"},
	}, "", `SELECT account, name, balance_fen, ` + yuan("balance_fen") + ` AS balance FROM (
		SELECT a.account, a.name, a.sign * coalesce(sum(p.amount_fen), 0) AS balance_fen
		FROM accounts a LEFT JOIN postings p USING (account) GROUP BY a.account) ORDER BY account`},
	{"balances_by_day", "Every account's balance at the end of every day on which anything was booked.", []column{
		{"day", text, "business day"}, {"account", text, "path"}, {"balance_fen", count, "positive on the account's own side"}, {"balance", text, "the same in yuan"},
	}, "", `SELECT day, account, balance_fen, ` + yuan("balance_fen") + ` AS balance FROM (
		SELECT d.day, a.account, a.sign * sum(coalesce(m.fen, 0)) OVER (PARTITION BY a.account ORDER BY d.day) AS balance_fen
		FROM (SELECT DISTINCT occurred_on AS day FROM vouchers) d CROSS JOIN accounts a
		LEFT JOIN (SELECT v.occurred_on AS day, p.account, sum(p.amount_fen) AS fen FROM postings p JOIN vouchers v USING (voucher) GROUP BY 1, 2) m
			ON m.day = d.day AND m.account = a.account) ORDER BY day, account`},
	{"fund_statement_by_month", "What came into every fund and what went out, in every month in which anything was booked.", []column{
		{"month", text, "YYYY-MM"}, {"fund", text, "id"}, {"name", text, "public name"}, {"opening_fen", count, "before the month"}, {"received_fen", count, ""}, {"spent_fen", count, ""}, {"closing_fen", count, "opening + received - spent"},
		{"opening", text, "in yuan"}, {"received", text, "in yuan"}, {"spent", text, "in yuan"}, {"closing", text, "in yuan"},
	}, "", `SELECT month, fund, name, closing_fen - received_fen + spent_fen AS opening_fen, received_fen, spent_fen, closing_fen,
		` + yuan("(closing_fen - received_fen + spent_fen)") + ` AS opening, ` + yuan("received_fen") + ` AS received, ` + yuan("spent_fen") + ` AS spent, ` + yuan("closing_fen") + ` AS closing
		FROM (SELECT n.month, f.fund, f.name, f.place, coalesce(m.received, 0) AS received_fen, coalesce(m.spent, 0) AS spent_fen,
			sum(coalesce(m.received, 0) - coalesce(m.spent, 0)) OVER (PARTITION BY f.fund ORDER BY n.month) AS closing_fen
			FROM (SELECT DISTINCT substr(occurred_on, 1, 7) AS month FROM vouchers) n CROSS JOIN funds f
			LEFT JOIN (SELECT substr(v.occurred_on, 1, 7) AS month, p.account, sum(` + creditFen + `) AS received, sum(` + debitFen + `) AS spent
				FROM postings p JOIN vouchers v USING (voucher) GROUP BY 1, 2) m ON m.month = n.month AND m.account = 'fund/' || f.fund)
		ORDER BY month, place`},
	{"trial_balance", "Turnover and closing balance of every account that moved. The closing column sums to zero.", []column{
		{"account", text, "path"}, {"debit_fen", count, "turnover; a reversal counts negative in the column of its original"}, {"credit_fen", count, "turnover"}, {"closing_fen", count, "debit positive: debit - credit"},
		{"debit", text, "in yuan"}, {"credit", text, "in yuan"}, {"closing", text, "in yuan"},
	}, "", `SELECT account, debit_fen, credit_fen, debit_fen - credit_fen AS closing_fen,
		` + yuan("debit_fen") + ` AS debit, ` + yuan("credit_fen") + ` AS credit, ` + yuan("(debit_fen - credit_fen)") + ` AS closing
		FROM (SELECT p.account, sum(` + debitFen + `) AS debit_fen, sum(` + creditFen + `) AS credit_fen
			FROM postings p JOIN vouchers v USING (voucher) GROUP BY p.account) ORDER BY account`},
}

// statement is what makes the object.
func (o object) statement() string {
	if o.query != "" {
		return "CREATE VIEW " + o.name + " AS " + o.query
	}
	parts := make([]string, len(o.columns))
	for i, c := range o.columns {
		parts[i] = c.name + " " + c.kind
	}
	if o.tail != "" {
		parts = append(parts, o.tail)
	}
	return "CREATE TABLE " + o.name + " (" + strings.Join(parts, ", ") + ") STRICT"
}

// insert is the statement that takes a row of a table.
func (o object) insert() string {
	return "INSERT INTO " + o.name + " VALUES (" + strings.TrimSuffix(strings.Repeat("?, ", len(o.columns)), ", ") + ")"
}

// docs is the table that describes the others.
var docs = object{"docs", "What every table, view and column means.", []column{
	{"object", text, "table or view"}, {`"column"`, text, "its column; empty: the object itself"}, {"about", text, "what it means"},
}, `PRIMARY KEY (object, "column")`, ""}
