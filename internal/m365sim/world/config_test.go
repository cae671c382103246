package world

import (
	"encoding/json"
	"strings"
	"testing"
	"time"
)

func TestSample(t *testing.T) {
	cfg := Sample()
	text, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Load(strings.NewReader(string(text))); err != nil {
		t.Errorf("what is written can't be read: %v", err)
	}
	cfg.Tenants[0].Apps[0].RedirectURIs[0] = "changed"
	if Sample().Tenants[0].Apps[0].RedirectURIs[0] == "changed" {
		t.Error("callers share the sample")
	}
	if got := time.Duration(Sample().Tenants[0].Rooms[3].AnswerDelay); got != 6*time.Second {
		t.Errorf("the garden answers after %s, want 6s", got)
	}
}

func TestLoadRefuses(t *testing.T) {
	for name, tt := range map[string]struct{ old, new, want string }{
		"broken JSON":            {`"superset",`, `"superset"`, "line 3"},
		"an unknown word":        {`"capacity"`, `"capacities"`, `unknown field "capacities"`},
		"an unknown mode":        {`"superset"`, `"all"`, "superset or tables"},
		"a tenant without GUID":  {`"c0970500-`, `"x`, "tenants[0].id"},
		"a wrong redirect URI":   {`"http://localhost:8080/.ones/callback"`, `"http://ones.example/"`, "tenants[0].apps[0].redirect_uris[0]"},
		"a scope by full name":   {`"Calendars.ReadWrite.Shared"`, `"https://graph.microsoft.com/x"`, "bare scope name"},
		"an unknown role":        {`"limitedRead"`, `"LimitedDetails"`, "rooms[0].shares[0].role"},
		"an unknown rule":        {`"delete_subject"`, `"keep_subject"`, "keep_subject"},
		"an address twice":       {`"mail": "bob@`, `"mail": "alice@`, "unique"},
		"no address":             {`"mail": "dan@contoso.example"`, `"mail": "dan"`, "not a mail address"},
		"a zone that isn't":      {`"Asia/Hong_Kong"`, `"China Standard Time"`, "IANA"},
		"a delay without a unit": {`"6s"`, `"6"`, "3s or 90m"},
		"the value is the id":    {`demo-secret~not-a-real-one`, `5ec2e710-0000-4000-8000-000000000001`, "the same as the id"},
		"an unknown organizer":   {`"organizer": "dan@`, `"organizer": "zoe@`, "events[2].organizer"},
		"an unknown room":        {`"room": "peak@`, `"room": "pit@`, "events[4].room"},
		"a number as text":       {`"capacity": 12`, `"capacity": "12"`, "tenants.rooms.capacity can't be a JSON string"},
		"a negative capacity":    {`"capacity": 12`, `"capacity": -12`, "rooms[0].capacity"},
		"a room without id":      {`"id": "boardroom"`, `"id": ""`, "rooms[0].id"},
		"a room's account":       {`"id": "boardroom"`, `"id": "boardroom", "account": "boardroom"`, "rooms[0].account"},
		"a share with nobody":    {`"with": "default"`, `"with": "zoe@contoso.example"`, "rooms[0].shares[0].with"},
		"an unknown delegate":    {`"delete_subject"`, `"resource_delegates": ["zoe@contoso.example"], "delete_subject"`, "resource_delegates[0]"},
		"a time that isn't":      {`"start": "09:30"`, `"start": "9.30"`, "events[0]"},
	} {
		t.Run(name, func(t *testing.T) {
			text := strings.Replace(string(sample), tt.old, tt.new, 1)
			if text == string(sample) {
				t.Fatalf("%s is not in the sample", tt.old)
			}
			if _, err := Load(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("%v, want something about %q", err, tt.want)
			}
		})
	}
	if _, err := Load(strings.NewReader(string(sample) + "{}")); err == nil {
		t.Error("two configurations pass for one")
	}
}
