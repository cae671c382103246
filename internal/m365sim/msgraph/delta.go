package msgraph

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/onesgate/onesgate/internal/m365sim/exchange"
	"github.com/onesgate/onesgate/internal/m365sim/front"
)

// A syncToken is what a nextLink or a deltaLink remembers: the window is frozen
// in it (https://learn.microsoft.com/graph/delta-query-events).
type syncToken struct {
	Mailbox  string    `json:"m"`
	Calendar string    `json:"c,omitempty"`
	View     bool      `json:"v,omitempty"` // else all events, series as masters
	From     time.Time `json:"f,omitzero"`
	To       time.Time `json:"t,omitzero"`
	Initial  bool      `json:"i,omitempty"` // a first round, which tells of no removals
	Since    int       `json:"s"`           // all changes up to that number have been told
	Until    int       `json:"u"`           // the last change of this round
	Skip     int       `json:"k,omitempty"` // how much of change Since+1 has been told
	Epoch    int       `json:"e,omitempty"`
}

func (t syncToken) String() string {
	text, _ := json.Marshal(t) // plain data
	return base64.RawURLEncoding.EncodeToString(text)
}

var errSync = exchange.Refuse("SyncStateNotFound", "%s", codes["SyncStateNotFound"].message)

func (g *Graph) parseSyncToken(text string, v *call, view bool) (syncToken, error) {
	var t syncToken
	b, err := base64.RawURLEncoding.DecodeString(text)
	if err == nil {
		err = json.Unmarshal(b, &t)
	}
	if err != nil || t.Mailbox != v.box.Address() || t.Calendar != v.calendar() || t.View != view || t.Epoch != g.epoch ||
		t.Skip < 0 || t.To.Sub(t.From) > maxView {
		return t, errSync
	}
	return t, nil
}

// deltaParameters are all that change tracking takes.
var deltaParameters = map[string]bool{
	"startdatetime": true, "enddatetime": true, "$skiptoken": true, "$deltatoken": true,
}

func (g *Graph) viewDelta(v *call) (front.Reply, error) { return g.delta(v, true) }

func (g *Graph) eventsDelta(v *call) (front.Reply, error) { return g.delta(v, false) }

// delta tells what has changed since the last round. What has left the window
// is told as removed.
func (g *Graph) delta(v *call, view bool) (front.Reply, error) {
	t, err := g.round(v, view)
	if err != nil {
		return front.Reply{}, err
	}
	news, err := v.changes(t)
	if err != nil {
		return front.Reply{}, err
	}
	start := 0
	for start < min(t.Skip, len(news)) && news[start].sequence == t.Since+1 {
		start++
	}
	end := min(start+cmp.Or(v.prefer.pageSize, defaultPage), len(news))
	value := []any{}
	for _, n := range news[start:end] {
		value = append(value, n.show())
	}
	page := map[string]any{"@odata.context": v.Cloud.Graph + root + "/$metadata#Collection(event)", "value": value}
	link := v.Cloud.Graph + v.URL.EscapedPath()
	if end < len(news) {
		page["@odata.nextLink"] = link + "?$skiptoken=" + t.after(news[:end]).String()
	} else {
		t.Since, t.Skip, t.Initial = t.Until, 0, false
		page["@odata.deltaLink"] = link + "?$deltatoken=" + t.String()
	}
	return front.JSON(http.StatusOK, page), nil
}

// after is where a round stands when some of it has been told. It counts by
// changes: what changes or goes away meanwhile must not move the rest.
func (t syncToken) after(told []change) syncToken {
	last := told[len(told)-1].sequence
	t.Since, t.Skip = last-1, 0
	for _, n := range told {
		if n.sequence == last {
			t.Skip++
		}
	}
	return t
}

// round reads where the caller stands.
func (g *Graph) round(v *call, view bool) (syncToken, error) {
	q := map[string]string{}
	for name, values := range v.URL.Query() {
		name = strings.ToLower(name)
		if !deltaParameters[name] {
			return syncToken{}, badRequest("ErrorInvalidUrlQuery", "The following parameters are not supported with change tracking over the 'Events' resource: '$orderby, $filter, $select, $expand, $search, $top'.")
		}
		q[name] = values[0]
	}
	if q["$deltatoken"] != "" {
		t, err := g.parseSyncToken(q["$deltatoken"], v, view)
		t.Until = v.box.Sequence()
		return t, err
	}
	if q["$skiptoken"] != "" {
		return g.parseSyncToken(q["$skiptoken"], v, view)
	}
	t := syncToken{
		Mailbox: v.box.Address(), Calendar: v.calendar(), View: view, Initial: true, Since: -1, Until: v.box.Sequence(), Epoch: g.epoch,
	}
	if !view && q["startdatetime"] == "" {
		return t, nil
	}
	var err error
	t.From, t.To, err = window(q["startdatetime"], q["enddatetime"])
	return t, err
}

// A change is an entry of a round.
type change struct {
	sequence int    // in the mailbox
	id       string // of the kind that is asked for
	show     func() map[string]any
}

// changes are a round's from where the caller stands, in the mailbox's order.
func (v *call) changes(t syncToken) ([]change, error) {
	var all []change
	for _, it := range v.box.Items(t.Calendar) {
		if it.Sequence() > t.Since && it.Sequence() <= t.Until {
			all = append(all, v.itemChanges(t, it)...)
		}
	}
	if !t.Initial {
		removed, known := v.box.Removed(t.Since)
		if !known {
			return nil, errSync
		}
		there := map[string]bool{}
		for _, n := range all {
			there[n.id] = true
		}
		for _, r := range removed {
			// Also what was outside of the window at last: it may have been in it
			// when it was told of. Graph doesn't promise more.
			n := v.removed(r.Sequence, r.ID, r.Immutable)
			if r.Sequence <= t.Until && !there[n.id] { // a moved event is there, for who knows it by its immutable id
				there[n.id] = true
				all = append(all, n)
			}
		}
	}
	slices.SortStableFunc(all, func(a, b change) int { return cmp.Compare(a.sequence, b.sequence) })
	return all, nil
}

// itemChanges are what a round tells of an event or a series that has changed.
// A view has its occurrences with it. What isn't in the window may have left it.
func (v *call) itemChanges(t syncToken, it exchange.Item) []change {
	if t.From.IsZero() {
		return []change{v.changed(it)}
	}
	var all []change
	if it.Recurrence == nil && it.Overlaps(t.From, t.To) {
		all = append(all, v.changed(it))
	}
	if it.Recurrence != nil {
		all = v.seriesChanges(t, it)
	}
	if len(all) == 0 && !t.Initial {
		all = append(all, v.removed(it.Sequence(), it.ID(false), it.ID(true)))
	}
	return all
}

func (v *call) seriesChanges(t syncToken, it exchange.Item) []change {
	var all []change
	for _, o := range it.Occurrences(t.From, t.To) {
		if len(all) == 0 {
			all = append(all, v.changed(it))
		}
		all = append(all, v.changed(o))
	}
	if t.Initial {
		return all
	}
	for _, day := range slices.Sorted(maps.Keys(it.Exceptions)) {
		if o := (exchange.Item{Event: it.Exceptions[day], Master: it.Event, Day: day}); !o.Overlaps(t.From, t.To) {
			all = append(all, v.removed(it.Sequence(), o.ID(false), o.ID(true)))
		}
	}
	return all
}

// changed is an item that is new or has changed: occurrences say only when they
// are.
func (v *call) changed(it exchange.Item) change {
	return change{it.Sequence(), it.ID(v.prefer.immutableID), func() map[string]any {
		m := v.render(it)
		if it.Type() == exchange.Occurrence {
			maps.DeleteFunc(m, func(name string, _ any) bool { return !slices.Contains(occurrenceProperties, name) })
		}
		m["@odata.type"] = "#microsoft.graph.event"
		return m
	}}
}

var occurrenceProperties = []string{"@odata.etag", "id", "type", "seriesMasterId", "start", "end"}

func (v *call) removed(sequence int, id, immutable string) change {
	if v.prefer.immutableID {
		id = immutable
	}
	return change{sequence, id, func() map[string]any {
		return map[string]any{"@odata.type": "#microsoft.graph.event", "id": id, "@removed": map[string]string{"reason": "deleted"}}
	}}
}
