package main

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// The tables of docs/scale.md are what scaleTables makes of the inputs that the page gives: measured ones, printed by "make scale",
// and chosen ones. -update writes the tables anew.
func TestScalePageIsItsArithmetic(t *testing.T) {
	path := filepath.Join("..", "..", "docs", "scale.md")
	text := page(t, "docs/scale.md")
	inputs := scaleInputs(t, text)
	marked := regexp.MustCompile(`(?s)(<!-- made: (\w+) -->\n).*?(<!-- end -->)`)
	seen := 0
	want := marked.ReplaceAllStringFunc(text, func(block string) string {
		parts := marked.FindStringSubmatch(block)
		table, ok := scaleTables(inputs)[parts[2]]
		if !ok {
			t.Errorf("no table is called %s", parts[2])
		}
		seen++
		return parts[1] + table + parts[3]
	})
	if seen != len(scaleTables(inputs)) {
		t.Errorf("the page has %d tables, want %d", seen, len(scaleTables(inputs)))
	}
	if want == text {
		return
	}
	if !*update {
		t.Fatal("docs/scale.md is not what its inputs give: go test ./cmd/mingzhang -run TestScalePage -update")
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// scaleInputs reads the rows | `name` | number | of the page.
func scaleInputs(t *testing.T, text string) map[string]int64 {
	t.Helper()
	inputs := make(map[string]int64)
	for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\| ([0-9]+) \\|").FindAllStringSubmatch(text, -1) {
		value, err := strconv.ParseInt(row[2], 10, 64)
		if err != nil || inputs[row[1]] != 0 {
			t.Fatalf("input %s: %v", row[1], err)
		}
		inputs[row[1]] = value
	}
	return inputs
}

// over is a/b rounded up: nobody buys nine tenths of a machine.
func over(a, b int64) int64 { return (a + b - 1) / b }

// scaleTables computes the tables in whole numbers. All products stay below 2^63 for a country of a million villages and a century.
func scaleTables(in map[string]int64) map[string]string {
	var (
		eventsYear  = in["village_events_year"]
		eventsLater = eventsYear * in["years"]
		bookLater   = in["book_village_bytes"] + in["book_event_bytes"]*eventsLater
		stateLater  = in["state_village_bytes"] + in["state_event_bytes"]*eventsLater
		closing     = in["county_commands"] // of villages_county on the busiest day
		county      = in["villages_county"]
		window      = in["window_seconds"]
		peak        = in["peak_to_mean"]
		load        = in["load_percent"]
	)
	// Rates at the peak, of so many villages.
	commands := func(villages int64) int64 { return over(villages*closing*peak, county*window) }
	reads := func(villages int64) int64 { return over(villages*in["members"]*in["reads_member"]*peak, window) }
	origin := func(villages int64) int64 { return min(reads(villages), over(villages, in["edge_seconds"])) }
	// Thousandths of a core.
	cores := func(villages int64) int64 {
		return over(commands(villages)*in["command_cpu_us"]+origin(villages)*in["read_cpu_us"], 1000)
	}

	places := []int64{1, county, in["villages_province"], in["villages_country"]}
	var sizes strings.Builder
	sizes.WriteString("| | one village | a county | a province | all villages |\n| --- | ---: | ---: | ---: | ---: |\n")
	row := func(name string, f func(villages int64) int64) {
		sizes.WriteString("| " + name)
		for _, villages := range places {
			sizes.WriteString(" | " + inThousands(f(villages)))
		}
		sizes.WriteString(" |\n")
	}
	row("villages", func(v int64) int64 { return v })
	row("events a day, mean of a year", func(v int64) int64 { return over(v*eventsYear, 365) })
	row("commands on the busiest day", func(v int64) int64 { return over(v*closing, county) })
	row("commands a second at its peak", commands)
	row("public reads a second at its peak, without an edge", reads)
	row("of these at the nodes, with an edge", origin)
	row("embedded log in a year, MB", func(v int64) int64 { return over(v*eventsYear*in["event_sqlite_bytes"], 1e6) })
	later := fmt.Sprintf("in %d years, MB", in["years"])
	row("embedded log "+later, func(v int64) int64 { return over(v*eventsLater*in["event_sqlite_bytes"], 1e6) })
	row("disk of one cluster member in a year, MB", func(v int64) int64 { return over(v*eventsYear*in["event_server_bytes"], 1e6) })
	row("disk of one cluster member "+later, func(v int64) int64 { return over(v*eventsLater*in["event_server_bytes"], 1e6) })
	row("all books in memory "+later, func(v int64) int64 { return over(v*bookLater, 1e6) })
	row("all states in memory "+later, func(v int64) int64 { return over(v*stateLater, 1e6) })
	row("processor at the peak, thousandths of a core", cores)
	row("answers at the peak, kB a second, with an edge", func(v int64) int64 { return over(origin(v)*in["read_bytes"], 1000) })
	row("log to two other members and three nodes at the peak, kB a second", func(v int64) int64 {
		return over(commands(v)*(2*in["event_server_bytes"]+3*in["event_append_bytes"]), 1000)
	})

	bounds := []struct {
		name     string
		villages int64
	}{
		{"disk of a member after the years", in["cluster_disk_mb"] * 1e6 / (eventsLater * in["event_server_bytes"])},
		{"books of a node, all in memory", in["node_books_mb"] * 1e6 / bookLater},
		{"commands at the peak, at the measured rate", in["rush_commands_second"] * load * county * window / (100 * closing * peak)},
	}
	least := bounds[0].villages
	var holds strings.Builder
	holds.WriteString("| what ends it | villages | counties |\n| --- | ---: | ---: |\n")
	for _, b := range bounds {
		least = min(least, b.villages)
		fmt.Fprintf(&holds, "| %s | %s | %s |\n", b.name, inThousands(b.villages), inThousands(b.villages/county))
	}
	counties := max(1, least/county)
	fmt.Fprintf(&holds, "| **all of them** | **%s** | **%s** |\n", inThousands(least), inThousands(counties))

	var needs strings.Builder
	needs.WriteString("| | a county | a province | all villages |\n| --- | ---: | ---: | ---: |\n")
	columns := []func(villages int64) int64{
		func(v int64) int64 { return over(v, county) },
		func(v int64) int64 { return over(over(v, county), counties) },
		func(v int64) int64 { return over(over(v, county), counties) * in["members_cluster"] },
		func(v int64) int64 {
			clusters := over(over(v, county), counties)
			// One more than the work needs, so that one may be away.
			each := 1 + over(cores(min(v, counties*county)), 10*in["node_cores"]*load)
			return clusters * max(in["nodes_cluster_min"], each)
		},
	}
	for i, name := range []string{"counties", "clusters", "members of clusters", "nodes"} {
		fmt.Fprintf(&needs, "| %s", name)
		for _, v := range places[1:] {
			fmt.Fprintf(&needs, " | %s", inThousands(columns[i](v)))
		}
		needs.WriteString(" |\n")
	}
	stated := in["states_mb"] * 1e6 / stateLater
	reload := over(in["book_load_us"]*in["years"], 3*1000)
	var memory strings.Builder
	fmt.Fprintf(&memory, "| one village after the years | |\n| --- | ---: |\n| its book, kB | %s |\n| the state of its rules, kB | %s |\n| villages whose states a node keeps | %s |\n| its book from zero, ms | %s |\n",
		inThousands(over(bookLater, 1000)), inThousands(over(stateLater, 1000)), inThousands(stated), inThousands(reload))
	return map[string]string{"sizes": sizes.String(), "holds": holds.String(), "needs": needs.String(), "memory": memory.String()}
}

// inThousands writes a number with commas.
func inThousands(n int64) string {
	return strings.TrimSuffix(grouped(strconv.FormatInt(n, 10)+".0"), ".0")
}
