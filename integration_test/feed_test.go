package integration_test

import (
	"fmt"
	"net/http"
	"testing"
)

// ONES hears at any gateway of what has happened at any other, from a cursor of either,
// also after the one that gave it is gone.
func TestChangesAcrossGateways(t *testing.T) {
	t.Parallel()
	c := newCluster(t)
	first, firstProcess := c.next()
	second, _ := c.next()
	newVisitor(t, first.home).signIn(alice)
	changes := func(w *world, cursor string) (told []string, next string) {
		t.Helper()
		a := w.serve(http.MethodGet, "/v1/changes?wait=30&cursor="+cursor, nil)
		if a.StatusCode != http.StatusOK {
			t.Fatalf("changes: %d %s", a.StatusCode, a.body)
		}
		body := a.json(t)
		for _, change := range body["changes"].([]any) {
			for kind, v := range change.(map[string]any) {
				told = append(told, fmt.Sprint(kind, " ", v.(map[string]any)["status"]))
			}
		}
		return told, body["next_cursor"].(string)
	}
	_, at := changes(first, "")
	begun := at
	booked := make(chan answer, 1)
	go func() {
		booked <- second.serve(http.MethodPost, "/v1/bookings", meeting("boardroom", 1, 10), "Ones-Act-As", alice, "Prefer", "wait=30")
	}()
	for told := []string(nil); len(told) == 0 || told[len(told)-1] != "booking confirmed"; {
		told, at = changes(first, at)
	}
	if a := <-booked; a.StatusCode != http.StatusCreated {
		t.Fatalf("booking: %d %s", a.StatusCode, a.body)
	}
	firstProcess.kill()
	if told, _ := changes(second, begun); len(told) != 1 || told[0] != "booking confirmed" {
		t.Errorf("the second tells %v of the first one's cursor", told)
	}
}
