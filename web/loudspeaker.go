package web

import (
	"fmt"
	"strings"

	"github.com/a-h/templ"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
)

// loudspeakerLines is how many lines are read out one by one; of more, only the count.
const (
	loudspeakerLines = 40
	loudspeakerRead  = 1000 // lines of a period beyond which nobody looks which of them touch a fund
)

// loudspeaker writes the board of a period as sentences to be read aloud, with amounts in words: of the newest quarter with a line, or of that
// which the address names.
func (s *site) loudspeaker(v *visit) (templ.Component, error) {
	about, err := s.about(v, "")
	if err != nil {
		return nil, err
	}
	id, ok := strings.CutSuffix(v.request.PathValue("file"), ".txt")
	if !ok {
		if v.request.PathValue("file") != "" {
			return nil, errNotFound
		}
		periods, err := s.periods(v)
		if err != nil {
			return nil, err
		}
		quarter, ok := current(periods.Quarters)
		if !ok {
			return nil, errNotFound
		}
		id = quarter.Id
	}
	at, err := s.posterOf(v, id)
	if err != nil {
		return nil, err
	}
	funds, err := s.disclosure.GetFundStatement(v.public(), &apiv1.GetFundStatementRequest{
		CollectiveId: v.collective(), From: at.from, To: at.to, AsOf: at.to, AsKnownAt: at.known})
	if err != nil {
		return nil, err
	}
	board, err := s.figures(v, at)
	if err != nil {
		return nil, err
	}
	var lines []line
	if board.Lines <= loudspeakerRead {
		if lines, err = s.lines(v, at, loudspeakerRead); err != nil {
			return nil, err
		}
	}
	v.file("text/plain; charset=utf-8", []byte(v.aloud(about, at, funds, lines, int(board.Lines))))
	return nil, nil
}

// aloud is the text, a sentence a line.
func (v *visit) aloud(about *apiv1.Collective, at stretch, funds *apiv1.GetFundStatementResponse, lines []line, all int) string {
	var b strings.Builder
	say := func(zh, en string, args ...any) {
		b.WriteString(v.text(fmt.Sprintf(zh, args...), fmt.Sprintf(en, args...)) + "\n")
	}
	words := spoken
	if v.lang == english {
		words = spokenEnglish
	}
	say("%s资金公示,%s。", "The money of %s, %s.", about.Name, v.named(at.from, at.to))
	if about.SimulatedClock {
		say("这是演示,账是虚构的。", "This is a demonstration; the books are invented.")
	}
	if at.edition == nil {
		say("这段时间还没有发布公示,数字可能还会变。", "No edition of these days is published yet; figures may change.")
	} else {
		say("这是第%d期公示,%s发布。", "This is edition %d, published on %s.", at.edition.Number, v.dayOf(about, at.edition.RecordedAt))
		if at.edition.CorrectedBy != 0 {
			say("注意,这一期已由第%d期更正。", "Mind that edition %d corrects it.", at.edition.CorrectedBy)
		}
		if at.edition.Corrects != 0 {
			say("它更正第%d期,原因是:%s。", "It corrects edition %d, because: %s.", at.edition.Corrects, strings.TrimRight(at.edition.Reason, "。."))
		}
	}
	t := funds.Total
	say("期初一共有%s。", "At the start there were %s in all.", words(t.Opening))
	say("收入%s,支出%s。", "Received: %s. Spent: %s.", words(t.Received), words(t.Spent))
	say("期末一共有%s。", "At the end there are %s in all.", words(t.Closing))
	for _, f := range funds.Funds {
		say("%s:收入%s,支出%s,还有%s。", "%s: received %s, spent %s, left %s.", f.Name, words(f.Received), words(f.Spent), words(f.Closing))
	}
	read, paid := 0, 0 // lines that change a fund; others pay out what was counted when it was awarded or declared
	for _, l := range lines {
		if len(l.parts()) > 0 {
			read++
		} else {
			paid++
		}
	}
	switch {
	case all > loudspeakerRead:
		say("一共%d笔,逐笔请看公示栏。", "There are %d lines; read them on the board.", all)
	case read == 0:
		say("这段时间没有动用基金。", "No fund was touched.")
	case read > loudspeakerLines:
		say("动用基金的一共%d笔,逐笔请看公示栏。", "%d lines touched a fund; read them on the board.", read)
	default:
		say("下面逐笔念动用基金的%d笔。", "Here is every line that touched a fund, %d in all.", read)
		for _, l := range lines {
			if len(l.parts()) > 0 {
				say("%s,%s,%s。", "On %s: %s, %s.", v.day(l.OccurredOn), strings.TrimRight(l.Narration, "。."), words(l.Amount))
			}
		}
	}
	if paid > 0 {
		say("另有%d笔不动基金,例如把已经列支的钱发到各人手里,公示栏上逐笔都有。", "%d more touch no fund, as when money already counted is paid out; they are all on the board.", paid)
	}
	say("有疑问,请问监督委员会,或写条子投意见箱。", "If you doubt anything, ask the supervisors or put a note into the box.")
	return b.String()
}
