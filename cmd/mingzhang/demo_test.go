package main

import (
	"encoding/csv"
	"encoding/json"
	"strings"
	"testing"
)

// The rows and totals that the demo must come to: date, amount, dividend, reserve, welfare, maintenance, bank. They were
// worked out by hand, independently of this program.
const demoRows = `
2020-12-20 +98000.00 68600.00 9800.00 9800.00 9800.00 98000.00
2021-01-25 -2200.00 68600.00 9800.00 7600.00 9800.00 95800.00
2021-03-15 -4200.00 68600.00 9800.00 7600.00 5600.00 91600.00
2021-06-20 +98000.00 137200.00 19600.00 17400.00 15400.00 189600.00
2021-07-20 -137173.92 26.08 19600.00 17400.00 15400.00 52426.08
2021-09-01 -6300.00 26.08 19600.00 11100.00 15400.00 46126.08
2021-09-10 -8355.00 26.08 19600.00 11100.00 7045.00 37771.08
2021-12-20 +98000.00 68626.08 29400.00 20900.00 16845.00 135771.08
2022-01-18 -3400.00 68626.08 29400.00 17500.00 16845.00 132371.08
2022-03-10 -12000.00 68626.08 29400.00 17500.00 4845.00 120371.08
2022-06-20 +98000.00 137226.08 39200.00 27300.00 14645.00 218371.08
2022-06-25 -36000.00 137226.08 3200.00 27300.00 14645.00 182371.08
2022-07-20 -137206.03 20.05 3200.00 27300.00 14645.00 45165.05
2022-09-01 -8400.00 20.05 3200.00 18900.00 14645.00 36765.05
2022-09-15 -8000.00 20.05 3200.00 18900.00 6645.00 28765.05
2022-12-20 +98000.00 68620.05 13000.00 28700.00 16445.00 126765.05
`

var demoTotals = map[string]string{
	"Rent": "490000.00", "Dividends": "274379.95", "Scholarships": "14700.00", "Relief": "5600.00",
	"Daily management, planting, repairs": "32555.00", "Workshop": "36000.00", "Bank": "126765.05",
}

func TestDemoComesToItsRows(t *testing.T) {
	out := must(t, "demo", "--once", "--csv")
	records, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Split(strings.TrimSpace(demoRows), "\n")
	if len(records) != len(want)+1 {
		t.Fatalf("%d rows, not %d:\n%s", len(records)-1, len(want), out)
	}
	for i, line := range want {
		r := records[i+1]
		if got := strings.Join(append([]string{r[0]}, r[2:]...), " "); got != line {
			t.Errorf("row %d is %s, not %s", i+1, got, line)
		}
	}
}

func TestDemoComesToItsTotals(t *testing.T) {
	var answer struct{ Totals []map[string]string }
	if err := json.Unmarshal([]byte(must(t, "demo", "--once", "--json", "--lang", "en")), &answer); err != nil {
		t.Fatal(err)
	}
	if len(answer.Totals) != len(demoTotals) {
		t.Errorf("%d totals, not %d", len(answer.Totals), len(demoTotals))
	}
	people := map[string]string{"Scholarships": "14", "Relief": "16", "Dividends": "6422"}
	for _, total := range answer.Totals {
		if name := total["total"]; total["amount"] != demoTotals[name] || total["people"] != people[name] {
			t.Errorf("%v, not %s for %s people", total, demoTotals[name], people[name])
		}
	}
}

// A terminal is often 100 columns wide, and a board is printed from it.
func TestDemoFitsIntoATerminal(t *testing.T) {
	for _, lang := range []string{"zh", "en"} {
		widths := map[int]int{}
		for _, line := range strings.Split(must(t, "demo", "--once", "--lang", lang), "\n") {
			if w := displayWidth(line); w > 100 {
				t.Errorf("%s: %d columns: %s", lang, w, line)
			}
			if strings.HasPrefix(line, "202") {
				widths[displayWidth(line)]++
			}
		}
		if len(widths) != 1 {
			t.Errorf("%s: the rows end in different columns: %v", lang, widths)
		}
	}
}
