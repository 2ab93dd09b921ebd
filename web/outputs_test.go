package web

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/google/uuid"

	apiv1 "github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1"
	"github.com/mingzhang-ledger/mingzhang/gen/mingzhang/api/v1/apiv1connect"
	"github.com/mingzhang-ledger/mingzhang/internal/browsertest"
	"github.com/mingzhang-ledger/mingzhang/seeds"
)

// editionsOf publishes the demo's third quarter of 2021 and its year 2022.
func (n *node) editionsOf(days ...[2]string) *node {
	n.t.Helper()
	books := apiv1connect.NewBooksServiceClient(n.client())
	for _, d := range days {
		_, err := books.PublishEdition(n.as("treasurer"), &apiv1.PublishEditionRequest{CommandId: uuid.NewString(), CollectiveId: "liminba", From: d[0], To: d[1]})
		n.must(err)
	}
	return n
}

var _ = json.Marshal
var _ = http.StatusOK
var _ = url.Parse
var _ = os.Getenv
var _ = exec.Command
var _ = filepath.Join
var _ = strings.Contains
var _ = context.Background
var _ = chromedp.Navigate

func TestLook(t *testing.T) {
	n := newNode(t, nil).play(seeds.Demo()...).editionsOf([2]string{"2021-07-01", "2021-09-30"})
	ctx := browsertest.Browser(t)
	for name, path := range map[string]string{
		"wall1": "/b/liminba/wall/", "wall2": "/b/liminba/wall/2/", "wall3": "/b/liminba/wall/3/", "wall1en": "/en/b/liminba/wall/",
	} {
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+path))
		browsertest.Picture(t, ctx, name, 1920, 1080)
	}
	for name, path := range map[string]string{"poster-a3": "/b/liminba/poster/1/a3/", "poster-a4": "/b/liminba/poster/1/a4/", "data": "/b/liminba/data/", "embed": "/b/liminba/embed/", "posters": "/b/liminba/poster/"} {
		browsertest.Do(t, ctx, chromedp.Navigate(n.url+path))
		browsertest.Picture(t, ctx, name, 1280, 900)
		browsertest.Picture(t, ctx, name+"-360", 360, 740)
	}
	_, body := n.get("/b/liminba/loudspeaker/2021-q3.txt")
	t.Log(body)
	_, body = n.get("/en/b/liminba/loudspeaker/2021-q3.txt")
	t.Log(body)
}
