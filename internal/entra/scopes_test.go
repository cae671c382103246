package entra

import (
	"slices"
	"strings"
	"testing"
)

func TestScopes(t *testing.T) {
	const china = "https://microsoftgraph.chinacloudapi.cn"
	for _, tt := range []struct {
		name, graph string
		further     []string
		says        string // part of the error; "": none
	}{
		{"the three", china, nil, ""},
		{"further ones", china, []string{"profile", "email", "User.Read"}, ""},
		{"with the resource", china, []string{china + "/User.Read"}, ""},
		{"one of the three", china, []string{"openid"}, "always asked for"},
		{"one of the three, with the resource", china, []string{china + "/calendars.readwrite.shared"}, "always asked for"},
		{"twice", china, []string{"profile", "profile"}, "twice"},
		{"twice, in other words", china, []string{"User.Read", china + "/user.read"}, "twice"},
		{"everything", china, []string{china + "/.default"}, "can't be mixed"},
		{"everything, bare", china, []string{".default"}, "can't be mixed"},
		{"everything of another app", china, []string{"api://app/.default"}, "can't be mixed"},
		{"a permission of applications", china, []string{"Calendars.ReadBasic.All"}, "is a permission of applications"},
		{"a permission of applications, with the resource", china, []string{china + "/onlinemeetings.read.all"}, "is a permission of applications"},
		{"of another cloud", china, []string{"https://graph.microsoft.com/User.Read"}, "does not belong to this cloud's Microsoft Graph, " + china},
		{"of another cloud that begins alike", "https://graph.microsoft.us", []string{"https://graph.microsoft.us.example/User.Read"}, "does not belong"},
		{"of another resource", china, []string{"api://app/Do.It"}, "does not belong"},
		{"two in one", china, []string{"profile email"}, "is not a scope"},
		{"none", china, []string{""}, "is not a scope"},
		{"the resource alone", china, []string{china + "/"}, "is not a scope"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Scopes(tt.graph, tt.further)
			if tt.says != "" {
				if err == nil || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("Scopes = %q, %v, want an error that says %q", got, err, tt.says)
				}
				return
			}
			want := append([]string{"openid", "offline_access", "Calendars.ReadWrite.Shared"}, tt.further...)
			if err != nil || !slices.Equal(got, want) {
				t.Errorf("Scopes = %q, %v, want %q", got, err, want)
			}
		})
	}
}

func TestKnownScope(t *testing.T) {
	for scope, want := range map[string]bool{
		"profile": true, "place.read.all": true, "https://graph.microsoft.com/User.Read": true, "Calendar.Read": false, "https://graph.microsoft.com/": false, "": false,
	} {
		if got := KnownScope(scope); got != want {
			t.Errorf("KnownScope(%q) = %t", scope, got)
		}
	}
	for _, scope := range DelegatedScopes() {
		if _, err := Scopes("https://graph.microsoft.com", []string{scope}); err != nil && !slices.Contains(required, scope) {
			t.Errorf("%s is known, but: %v", scope, err)
		}
	}
}
