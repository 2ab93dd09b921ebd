package main

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"unicode/utf16"

	"golang.org/x/text/encoding/simplifiedchinese"

	"github.com/mingzhang-ledger/mingzhang/eventstore/eventstoredb/esdbtest"
	"github.com/mingzhang-ledger/mingzhang/transparency"
)

// The values of two invented persons. Of the first everything is erased, of the second the identity number alone.
var (
	goneValues = map[string]string{"name": "欧阳晓枫", "idNo": "11010519491231002X", "phone": "13800007321", "bankAccount": "6200000000008642", "address": "青石村七组十二号", "reason": "房屋漏雨申请补助"}
	leftValues = map[string]string{"name": "慕容远山", "idNo": "220203198802294417", "phone": "13900005566"}
)

// encodings are the ways in which a value may lie in a file, by name.
func encodings(t *testing.T, value string) map[string][]byte {
	t.Helper()
	gb, err := simplifiedchinese.GB18030.NewEncoder().String(value)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string][]byte{"UTF-8": []byte(value), "GB18030": []byte(gb), "percent": []byte(url.QueryEscape(value))}
	var little, big []byte
	escaped := ""
	for _, unit := range utf16.Encode([]rune(value)) {
		little, big = append(little, byte(unit), byte(unit>>8)), append(big, byte(unit>>8), byte(unit))
		escaped += fmt.Sprintf("\\u%04x", unit)
	}
	all["UTF-16LE"], all["UTF-16BE"], all["JSON"], all["JSON upper"] = little, big, []byte(escaped), []byte(strings.ReplaceAll(strings.ToUpper(escaped), "U", "u"))
	all["hex"], all["HEX"] = []byte(hex.EncodeToString([]byte(value))), []byte(strings.ToUpper(hex.EncodeToString([]byte(value))))
	for shift := range 3 {
		padded := append(make([]byte, shift), value...)
		from, to := (shift*8+5)/6, len(padded)/3*4 // letters that hang on nothing before or after
		all[fmt.Sprintf("base64 at %d", shift)] = []byte(base64.StdEncoding.EncodeToString(padded)[from:to])
		all[fmt.Sprintf("base64url at %d", shift)] = []byte(base64.URLEncoding.EncodeToString(padded)[from:to])
	}
	return all
}

// scan looks for values in every file below places, and in texts; it gives "value in file as encoding" of each hit, sorted.
func scan(t *testing.T, values map[string]string, texts map[string]string, places ...string) (hits []string) {
	t.Helper()
	look := func(where string, data []byte) {
		for name, value := range values {
			for encoding, needle := range encodings(t, value) {
				if bytes.Contains(data, needle) {
					hits = append(hits, name+" in "+where+" as "+encoding)
				}
			}
		}
	}
	files := 0
	for _, place := range places {
		err := filepath.WalkDir(place, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || entry.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			if errors.Is(err, fs.ErrNotExist) {
				return nil // a file of the moment
			}
			files++
			look(filepath.Base(place)+"/"+entry.Name(), append([]byte(path), data...))
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	for where, text := range texts {
		look(where, []byte(text))
	}
	if len(places) > 0 && files < 3 {
		t.Fatalf("only %d files were looked at", files)
	}
	slices.Sort(hits)
	return slices.Compact(hits)
}

// registryOf calls methods on a server as its operators.
type registryOf struct {
	t    *testing.T
	url  string
	dir  string
	said strings.Builder // everything the command line printed
}

func (r *registryOf) call(as, verb string, request map[string]any) map[string]any {
	r.t.Helper()
	text, err := json.Marshal(request)
	if err != nil {
		r.t.Fatal(err)
	}
	file := filepath.Join(r.t.TempDir(), "request.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		r.t.Fatal(err)
	}
	stdout, stderr, err := command(r.t, verb, "--yes", "--request", file, "--json", "--server", r.url, "--key", keyPath(r.dir, as), "--lang", "en", "--collective", "liminba")
	if err != nil {
		r.t.Fatalf("%s: %v\n%s", verb, err, stderr)
	}
	r.said.WriteString(stderr)
	var answer map[string]any
	if err := json.Unmarshal([]byte(stdout), &answer); err != nil {
		r.t.Fatalf("%s answers %s", verb, stdout)
	}
	if receipt, ok := answer["receipt"].(map[string]any); ok {
		return receipt
	}
	return answer
}

func (r *registryOf) keep(member int, values map[string]string) string {
	r.t.Helper()
	request := map[string]any{"collectiveId": "liminba", "member": member}
	for name, value := range values {
		request[name] = value
	}
	return r.call("treasurer", "keep-personal-data", request)["recordId"].(string)
}

func (r *registryOf) erase(record string, fields ...string) {
	r.t.Helper()
	number := r.call("treasurer", "request-erasure", map[string]any{"collectiveId": "liminba", "kind": "ERASURE_KIND_ERASE", "basis": "ERASURE_BASIS_ORDER", "recordIds": []string{record}, "fields": fields})["erasure"]
	r.call("approver", "approve-erasure", map[string]any{"collectiveId": "liminba", "erasure": number})
}

// opened is the answer of open-personal-field.
func (r *registryOf) opened(record, field string) map[string]any {
	r.t.Helper()
	return r.call("supervisor", "open-personal-field", map[string]any{"collectiveId": "liminba", "recordId": record, "field": field, "reason": "核对发放名单"})
}

// copies makes every kind of copy of the books in a directory.
func copies(t *testing.T, data, into string) {
	t.Helper()
	if err := os.Mkdir(into, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, format := range exportFormats {
		must(t, "export", format, "--data", data, "--out", filepath.Join(into, "books."+format))
	}
	must(t, "publish", filepath.Join(into, "public"), "--data", data)
	must(t, "publish", filepath.Join(into, "auditors"), "--for-auditors", "--data", data)
	must(t, "backup", "--data", data, "--out", filepath.Join(into, "backup"))
	must(t, "backup", "--data", data, "--out", filepath.Join(into, "backup.tar"))
}

// TestErasedIsGone plants values through the API, erases them, and looks for them in every file there is: the data directory while it is
// served and after it was killed, exports, published files, new backups, what the server and the command line said. Before the erasure
// the same look finds them in people.db and nowhere else. Totals, the vouchers and every proof are as before.
func TestErasedIsGone(t *testing.T) {
	dir, place := demoDir(t), t.TempDir()
	for _, operator := range []string{"treasurer", "approver", "supervisor"} {
		must(t, "operator", "key", operator, "--data", dir)
	}
	server, err := startServer(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.kill)
	r := &registryOf{t: t, url: server.url, dir: dir}
	gone, left := r.keep(17, goneValues), r.keep(18, leftValues)
	openings := map[string]string{}
	for what, answer := range map[string]map[string]any{"id_no of the first": r.opened(gone, "PERSONAL_FIELD_ID_NO"), "id_no of the second": r.opened(left, "PERSONAL_FIELD_ID_NO"), "name of the second": r.opened(left, "PERSONAL_FIELD_NAME")} {
		openings[what] = filepath.Join(t.TempDir(), "opening.json")
		text, err := json.Marshal(answer)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(openings[what], text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	server.kill()

	both := maps.Clone(goneValues)
	for name, value := range leftValues {
		both["second "+name] = value
	}
	for _, hit := range scan(t, both, map[string]string{"server": server.log.String(), "command line": r.said.String()}, dir) {
		if !strings.Contains(hit, "/people.db") {
			t.Errorf("before the erasure: %s", hit)
		}
	}
	for name := range both {
		if hits := scan(t, map[string]string{name: both[name]}, nil, dir); len(hits) == 0 {
			t.Errorf("the look does not find %s, which is there", name)
		}
	}
	before := filepath.Join(place, "before")
	copies(t, dir, before)
	for _, hit := range scan(t, both, nil, before) {
		if !strings.Contains(hit, "/people.db") && !strings.Contains(hit, "/backup.tar") {
			t.Errorf("in a copy: %s", hit)
		}
	}
	pin := headOf(t, dir)
	balance := must(t, "get-balances", "--json", "--as", "treasurer", "--data", dir)

	// Erased, and the process killed at once.
	if server, err = startServer(dir); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.kill)
	r.url = server.url
	r.erase(gone)
	r.erase(left, "PERSONAL_FIELD_ID_NO")
	erased := maps.Clone(goneValues)
	erased["second idNo"] = leftValues["idNo"]
	texts := func() map[string]string {
		return map[string]string{"server": server.log.String(), "command line": r.said.String()}
	}
	for _, hit := range scan(t, erased, texts(), dir) {
		t.Errorf("while it is served: %s", hit)
	}
	if name := r.opened(left, "PERSONAL_FIELD_NAME")["value"]; name != leftValues["name"] {
		t.Errorf("the name of the second is %v", name)
	}
	server.kill()
	for _, hit := range scan(t, erased, texts(), dir) {
		t.Errorf("after it was killed: %s", hit)
	}
	after := filepath.Join(place, "after")
	copies(t, dir, after)
	for _, hit := range scan(t, erased, nil, dir, after) {
		t.Errorf("in a copy made afterwards: %s", hit)
	}
	if hits := scan(t, map[string]string{"name": leftValues["name"]}, nil, after); len(hits) == 0 {
		t.Error("what was not erased is in no backup")
	}

	// The books, and what was proved of them, are as they were.
	same := func(what string, a, b string) {
		t.Helper()
		if a == "" || a != b {
			t.Errorf("%s was changed by an erasure", what)
		}
	}
	same("the balances", withoutVersion(balance), withoutVersion(must(t, "get-balances", "--json", "--as", "treasurer", "--data", dir)))
	for _, format := range []string{"hledger", "ledger", "beancount", "csv"} {
		same(format, withoutComments(read(t, filepath.Join(before, "books."+format))), withoutComments(read(t, filepath.Join(after, "books."+format))))
	}
	proof := filepath.Join(place, "consistency.json")
	size, _, _ := strings.Cut(pin, ":")
	if err := os.WriteFile(proof, []byte(must(t, "prove-consistency", "--old-size", size, "--json", "--as", "supervisor", "--data", dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	must(t, "verify", "--proof", proof, "--pin", pin)
	for what, file := range openings { // cannot be called back
		if said := must(t, "verify", "--proof", file, "--log-key", keyOfLog(t, dir), "--lang", "en"); !strings.Contains(said, "Proved: event") {
			t.Errorf("%s: %s", what, said)
		}
	}
	must(t, "verify", "--data", dir)

	// A vault of before beside the log of after: neither a backup has what is to be gone, nor the directory once it was looked at.
	old, err := os.ReadFile(filepath.Join(before, "backup", peopleFile))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, peopleFile), old, 0o600); err != nil {
		t.Fatal(err)
	}
	late := filepath.Join(place, "late")
	must(t, "backup", "--data", dir, "--out", late)
	for _, hit := range scan(t, erased, nil, late) {
		t.Errorf("in a backup made before the erasure was carried out: %s", hit)
	}
	if hits := scan(t, erased, nil, dir); len(hits) == 0 {
		t.Error("the old vault has nothing to erase: the look above shows nothing")
	}
	must(t, "verify", "--data", dir)
	for _, hit := range scan(t, erased, nil, dir) {
		t.Errorf("in a vault of before that was looked at: %s", hit)
	}

	// Without the log of after, an old backup brings it back; with it, erasures are carried out before anything is shown.
	secret := filepath.Join(dir, secretFile)
	for _, later := range []string{filepath.Join(after, "books.jsonl"), filepath.Join(after, "backup"), dir} {
		restored := filepath.Join(t.TempDir(), "restored")
		must(t, "restore", filepath.Join(before, "backup"), "--data", restored, "--secret", secret, "--erasures-from", later)
		for _, hit := range scan(t, erased, nil, restored) {
			t.Errorf("restored with %s: %s", filepath.Base(later), hit)
		}
		if headOf(t, restored) != headOf(t, dir) {
			t.Errorf("restored with %s it has the head %s, want %s", filepath.Base(later), headOf(t, restored), headOf(t, dir))
		}
		must(t, "verify", "--data", restored)
	}
	restored := filepath.Join(t.TempDir(), "restored")
	must(t, "restore", filepath.Join(before, "backup.tar"), "--data", restored, "--secret", secret)
	if hits := scan(t, goneValues, nil, restored); len(hits) == 0 {
		t.Error("a backup of before has nothing to come back: the tests above show nothing")
	}
	other := demoDir(t)
	for _, account := range []string{"one", "two", "three", "four", "five", "six", "seven", "eight"} { // longer than the backup, and another
		must(t, "open-money-account", "--yes", "--money-account", account, "--kind", "MONEY_ACCOUNT_KIND_BANK", "--name", "另一处", "--as", "treasurer", "--data", other)
	}
	another := filepath.Join(place, "another.jsonl")
	must(t, "export", "jsonl", "--data", other, "--out", another)
	wantSaid(t, exitVerified, []string{"restore", filepath.Join(before, "backup"), "--data", filepath.Join(t.TempDir(), "x"), "--secret", secret, "--erasures-from", another, "--lang", "en"}, "does not begin with the one of the backup")

	// Gone without a record in the log is no erasure.
	bare := filepath.Join(place, "bare")
	must(t, "backup", "--data", dir, "--out", bare, "--without-people")
	if hits := scan(t, leftValues, nil, bare); len(hits) > 0 {
		t.Errorf("a backup without people has %v", hits)
	}
	for _, name := range []string{peopleFile, peopleFile + "-wal", peopleFile + "-shm"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Fatal(err)
		}
	}
	wantSaid(t, exitVerified, []string{"verify", "--data", dir, "--lang", "en"}, "EVIDENCE LOST", left)
}

// headOf is size:root of the demo's log.
func headOf(t *testing.T, dir string) string {
	t.Helper()
	var answer struct {
		Size, Root string
		Version    string
	}
	if err := json.Unmarshal([]byte(must(t, "get-head", "--json", "--as", "supervisor", "--data", dir)), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.Size + ":" + answer.Root
}

// keyOfLog is the public key of the demo's log.
func keyOfLog(t *testing.T, dir string) string {
	t.Helper()
	var answer struct{ VerifierKey string }
	if err := json.Unmarshal([]byte(must(t, "get-head", "--json", "--as", "supervisor", "--data", dir)), &answer); err != nil {
		t.Fatal(err)
	}
	return answer.VerifierKey
}

// withoutComments is a journal without its head, which says at which version it was written.
func withoutComments(text string) string {
	lines := slices.Collect(strings.Lines(text))
	return strings.Join(slices.DeleteFunc(lines, func(l string) bool { return strings.HasPrefix(l, ";") }), "")
}

// withoutVersion is an answer without the version it reflects.
func withoutVersion(answer string) string {
	var m map[string]any
	if json.Unmarshal([]byte(answer), &m) != nil {
		return ""
	}
	delete(m, "version")
	text, _ := json.Marshal(m)
	return string(text)
}

// TestOpeningsOfOthersAreRefused: an opening is of one field of one record in one log, and verify takes no other for it.
func TestOpeningsOfOthersAreRefused(t *testing.T) {
	dir := demoDir(t)
	key := keyOfLog(t, dir)
	direct := func(as, verb string, args ...string) map[string]any {
		t.Helper()
		var answer map[string]any
		if err := json.Unmarshal([]byte(must(t, append([]string{verb, "--yes", "--json", "--as", as, "--data", dir}, args...)...)), &answer); err != nil {
			t.Fatal(err)
		}
		return answer
	}
	var proofs []string
	for _, name := range []string{leftValues["name"], goneValues["name"]} {
		record := direct("treasurer", "keep-personal-data", "--member", "17", "--name", name, "--phone", leftValues["phone"])["recordId"].(string)
		for _, field := range []string{"PERSONAL_FIELD_NAME", "PERSONAL_FIELD_PHONE"} {
			proofs = append(proofs, direct("treasurer", "open-personal-field", "--record-id", record, "--field", field, "--reason", "核对")["proof"].(string))
		}
	}
	verify := func(text string, args ...string) (int, string) {
		file := filepath.Join(t.TempDir(), "opening.txt")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return codeAfter(t, append([]string{"verify", "--proof", file, "--lang", "en"}, args...)...)
	}
	for i, text := range proofs {
		if code, said := verify(text, "--log-key", key); code != 0 {
			t.Fatalf("opening %d: exit %d, %s", i, code, said)
		}
	}
	line := func(text, name string) string {
		for l := range strings.Lines(text) {
			if strings.HasPrefix(l, name+" ") {
				return l
			}
		}
		t.Fatalf("no line %s in %s", name, text)
		return ""
	}
	swap := func(a, b string, names ...string) string {
		for _, name := range names {
			a = strings.Replace(a, line(a, name), line(b, name), 1)
		}
		return a
	}
	_, proofOfOther, _ := strings.Cut(proofs[2], "\n\n")
	head, _, _ := strings.Cut(proofs[0], "\n\n")
	for what, text := range map[string]string{
		"value":               swap(proofs[0], proofs[2], "value"),
		"value and salt":      swap(proofs[0], proofs[2], "value", "salt"),
		"record":              swap(proofs[0], proofs[2], "record"),
		"field":               swap(proofs[0], proofs[1], "field"),
		"field of its value":  swap(proofs[0], proofs[1], "field", "value", "salt"),
		"event":               swap(proofs[0], proofs[2], "event"),
		"event and its proof": swap(head, proofs[2], "event") + "\n\n" + proofOfOther,
		"origin":              strings.Replace(proofs[0], "origin ", "origin x", 1),
		"cut off":             proofs[0][:len(proofs[0])/2],
	} {
		if code, said := verify(text, "--log-key", key); code != exitVerified {
			t.Errorf("another %s: exit %d, %s", what, code, said)
		}
	}
	if code, said := verify(proofs[0]); code != exitUsage {
		t.Errorf("without a key or a pin: exit %d, %s", code, said)
	}
	if code, said := verify(proofs[0], "--pin", "172:"+strings.Repeat("ab", 32)); code != exitVerified {
		t.Errorf("with another pin: exit %d, %s", code, said)
	}
}

// TestPersonalDataIsForItsOwner: whoever copies the file with its mode shows it to nobody.
func TestPersonalDataIsForItsOwner(t *testing.T) {
	dir := demoDir(t)
	path := filepath.Join(dir, peopleFile)
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	must(t, "keep-personal-data", "--yes", "--member", "17", "--name", "示例甲", "--as", "treasurer", "--data", dir)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestStoreCopyTakesPeople: personal data goes from one engine to the other and back, and what was erased does not.
func TestStoreCopyTakesPeople(t *testing.T) {
	dir := demoDir(t)
	for _, values := range []map[string]string{goneValues, leftValues} {
		must(t, "keep-personal-data", "--yes", "--member", "17", "--name", values["name"], "--as", "treasurer", "--data", dir)
	}
	var listed struct{ Records []struct{ RecordID string } }
	if err := json.Unmarshal([]byte(must(t, "list-personal-data", "--as", "treasurer", "--data", dir, "--json")), &listed); err != nil || len(listed.Records) != 2 {
		t.Fatalf("%v of %v", err, listed)
	}
	server := esdbtest.New(t, esdbtest.Options{})
	must(t, "store", "copy", dir, server.ConnectionString())
	must(t, "request-erasure", "--yes", "--kind", "ERASURE_KIND_ERASE", "--basis", "ERASURE_BASIS_ORDER", "--record-ids", listed.Records[0].RecordID, "--as", "treasurer", "--data", dir)
	must(t, "approve-erasure", "--yes", "--erasure", "1", "--as", "approver", "--data", dir)
	for range 2 {
		wantSaid(t, 0, []string{"store", "copy", dir, server.ConnectionString(), "--lang", "en"}, "Both have 1 records of personal data")
	}
	back := filepath.Join(t.TempDir(), "back")
	must(t, "store", "copy", server.ConnectionString(), back, "--secret", filepath.Join(dir, secretFile))
	if list := must(t, "list-personal-data", "--as", "treasurer", "--data", back, "--json"); !strings.Contains(list, "慕容*山") || strings.Contains(list, "欧阳") {
		t.Errorf("in the copy: %s", list)
	}
	if hits := scan(t, map[string]string{"name": goneValues["name"]}, nil, back); len(hits) > 0 {
		t.Errorf("in the copy: %v", hits)
	}
	must(t, "verify", "--data", back)
}

// TestPeopleInACluster: the same through two nodes of a cluster; what is erased through one is erased for both, and no tree is made over
// streams of persons.
func TestPeopleInACluster(t *testing.T) {
	server := esdbtest.New(t, esdbtest.Options{})
	demo := demoDir(t)
	must(t, "store", "copy", demo, server.ConnectionString())
	var nodes []string
	for range 2 {
		node := filepath.Join(t.TempDir(), "node")
		must(t, "init", "--data", node, "--store", server.ConnectionString(), "--secret", filepath.Join(demo, secretFile))
		nodes = append(nodes, node)
	}
	must(t, "keep-personal-data", "--yes", "--member", "17", "--name", goneValues["name"], "--phone", goneValues["phone"], "--as", "treasurer", "--data", nodes[0])
	if list := must(t, "list-personal-data", "--as", "treasurer", "--data", nodes[1], "--json"); !strings.Contains(list, "欧阳*枫") || strings.Contains(list, goneValues["name"]) {
		t.Errorf("the other node lists %s", list)
	}
	code, said := codeAfter(t, "open-money-account", "--yes", "--money-account", "another", "--kind", "MONEY_ACCOUNT_KIND_BANK", "--name", goneValues["name"]+"代管", "--as", "treasurer", "--data", nodes[1], "--lang", "en")
	if code == 0 || !strings.Contains(said, "name of a person on record") {
		t.Errorf("a name in public text: exit %d, %s", code, said)
	}
	var listed struct{ Records []struct{ RecordID string } }
	if err := json.Unmarshal([]byte(must(t, "list-personal-data", "--as", "treasurer", "--data", nodes[1], "--json")), &listed); err != nil || len(listed.Records) != 1 {
		t.Fatalf("%v of %v", err, listed)
	}
	must(t, "request-erasure", "--yes", "--kind", "ERASURE_KIND_ERASE", "--basis", "ERASURE_BASIS_ORDER", "--record-ids", listed.Records[0].RecordID, "--as", "treasurer", "--data", nodes[0])
	must(t, "approve-erasure", "--yes", "--erasure", "1", "--as", "approver", "--data", nodes[1])
	for _, node := range nodes {
		if list := must(t, "list-personal-data", "--as", "treasurer", "--data", node, "--json"); strings.Contains(list, "欧阳") || !strings.Contains(list, "ERASED") {
			t.Errorf("after the erasure: %s", list)
		}
		must(t, "verify", "--data", node)
		heads, err := headNames(node)
		if err != nil || slices.ContainsFunc(heads, func(name string) bool { return strings.Contains(name, "person") }) {
			t.Errorf("heads %v, %v", heads, err)
		}
	}
}

// TestRestoreWithALogOfSomebodyElse: a newer log that the log's key has not signed is not appended, and nothing is erased by it.
func TestRestoreWithALogOfSomebodyElse(t *testing.T) {
	data, place := demoDir(t), t.TempDir()
	at := func(name string) string { return filepath.Join(place, name) }
	mz(t, "backup", "--data", data, "--out", at("backup"))
	mz(t, "open-money-account", "--yes", "--money-account", "later", "--kind", "MONEY_ACCOUNT_KIND_BANK", "--name", "另一处", "--as", "treasurer", "--data", data)
	mz(t, "export", "jsonl", "--collective", "liminba", "--data", data, "--out", at("true.jsonl"))
	text := read(t, at("true.jsonl"))
	body, last := text[:strings.LastIndex(strings.TrimSuffix(text, "\n"), "\n")+1], logEnd{}
	if err := json.Unmarshal([]byte(text[len(body):]), &last); err != nil {
		t.Fatal(err)
	}
	head, err := transparency.ReadHead([]byte(last.Head.Note))
	if err != nil {
		t.Fatal(err)
	}
	signer, err := transparency.OpenSigner(t.TempDir(), bytes.Repeat([]byte{3}, transparency.SecretBytes))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = signer.Close() })
	note, err := signer.Sign(t.Context(), head, 0, nil)
	if err != nil {
		t.Fatal(err)
	}
	restore := func(name string, signed logHead, code int, says string) {
		t.Helper()
		signed.Size, signed.Root = last.Head.Size, last.Head.Root
		var b strings.Builder
		if err := writeLine(&b, logEnd{Head: &signed}); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(at(name), []byte(body+b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
		wantSaid(t, code, []string{"restore", at("backup"), "--data", at(name + "-data"), "--secret", filepath.Join(data, secretFile), "--erasures-from", at(name), "--lang", "en"}, says)
		if _, err := os.Lstat(at(name + "-data")); (err == nil) != (code == 0) {
			t.Errorf("%s: the data directory: %v", name, err)
		}
	}
	restore("other", logHead{Note: string(note), VerifierKey: transparency.LogVerifierKey(bytes.Repeat([]byte{3}, transparency.SecretBytes), head.Origin)}, exitVerified, "anybody could have written it")
	restore("unsigned", logHead{}, exitVerified, "anybody could have written it")
	restore("own", *last.Head, 0, "")
}
