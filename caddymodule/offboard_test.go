package caddymodule

import (
	"testing"
	"time"

	"github.com/onesgate/onesgate/internal/booking"
	"github.com/onesgate/onesgate/internal/signin"
)

func TestForgetAfter(t *testing.T) {
	for text, want := range map[string]time.Duration{"": 365 * 24 * time.Hour, "30d": 30 * 24 * time.Hour, "2160h": 90 * 24 * time.Hour} {
		if got, err := forgetAfter(text); err != nil || got != want {
			t.Errorf("%q: %s, %v; want %s", text, got, err, want)
		}
	}
	for _, text := range []string{"0", "-365d", "719h", "1y", "365"} {
		if got, err := forgetAfter(text); err == nil {
			t.Errorf("%q: %s", text, got)
		}
	}
}

// During a reload an admin is named whom the old configuration names or the new one.
func TestOffboardRules(t *testing.T) {
	st := newStage(t)
	naming := func(word string) *settings {
		s := settingsOf("")
		admins, err := signin.ParseAdmins([]string{word}, []signin.Integration{{Name: "contoso"}})
		if err != nil {
			t.Fatal(err)
		}
		s.admins = []signin.Admins{{}, admins}
		return s
	}
	before, after := naming("contoso/Alice@contoso.example"), naming("contoso/bob@contoso.example")
	before.forgetAfter = map[string]time.Duration{"contoso": time.Hour}
	after.forgetAfter = map[string]time.Duration{"contoso": time.Minute}
	after.world.Rooms = map[string]booking.Room{"boardroom": {Name: "boardroom", Integration: "contoso"}}
	e := st.acquire(before)
	st.acquire(after)
	rules := e.offboardRules()
	for address, want := range map[string]bool{
		"contoso/alice@contoso.example": true, "contoso/bob@contoso.example": true,
		"contoso/carol@contoso.example": false, "fabrikam/bob@contoso.example": false,
	} {
		if got := rules.NamesAdmin(address); got != want {
			t.Errorf("%s is named: %v, want %v", address, got, want)
		}
	}
	st.release(e, before)
	if rules := e.offboardRules(); rules.NamesAdmin("contoso/alice@contoso.example") || rules.ForgetAfter["contoso"] != time.Minute ||
		!rules.HasRoom("contoso", "boardroom") || rules.HasRoom("fabrikam", "boardroom") || rules.HasRoom("contoso", "cellar") {
		t.Errorf("after the reload: %+v", rules)
	}
	st.release(e, after)
}
