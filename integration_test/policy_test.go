package integration_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// A psCommand is a command of a script of PowerShell, as its grammar reads it.
type psCommand struct {
	Name       string         `json:"name"`
	Parameters map[string]any `json:"parameters"`
	Splatted   []string       `json:"splatted"`
}

// judgePowerShell reads a script by PowerShell's grammar, and returns its commands.
func judgePowerShell(t *testing.T, script string) []psCommand {
	t.Helper()
	// The other compiler would optimize the grammar for a minute, to run it once.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	node := exec.CommandContext(ctx, "node", "--liftoff-only", "powershell.mjs")
	node.Dir, node.Stdin = "clients", strings.NewReader(script)
	out, err := node.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s; make deps installs what is missing", err, out)
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	if len(lines) > 1 {
		t.Errorf("not well written:\n%s\nin\n%s", strings.Join(lines[:len(lines)-1], "\n"), script)
	}
	var commands []psCommand
	if err := json.Unmarshal([]byte(lines[len(lines)-1]), &commands); err != nil {
		t.Fatal(err)
	}
	return commands
}

// The script for the rooms is PowerShell with the commands that are meant, and none that
// stands in a room's address.
func TestRoomPolicy(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "Caddyfile")
	caddyfile := `{
	ones {
		public_url https://ones.contoso.com
		integration contoso {
			server {
				operator 21vianet
				tenant_id {env.ONES_TENANT_ID}
				client_id {env.ONES_CLIENT_ID}
				client_secret {env.ONES_CLIENT_SECRET}
			}
			rooms {
				room boardroom boardroom@contoso.com {
					name "Boardroom"
					time_zone Asia/Hong_Kong
					capacity 12
					max_duration 4h
					booking_window 60d
				}
				room odd {env.ODD}
				room far far@contoso.com {
					booking_window 2000d
				}
			}
		}
		integration fabrikam {
			server {
				operator us_gov_dod
				tenant_id {env.ONES_TENANT_ID}
				client_id {env.ONES_CLIENT_ID}
				client_secret {env.ONES_CLIENT_SECRET}
			}
			rooms {
				room atrium atrium@fabrikam.com
			}
		}
	}
}
`
	if err := os.WriteFile(file, []byte(caddyfile), 0o600); err != nil {
		t.Fatal(err)
	}
	policy := func(address string, args ...string) (string, int) {
		return command(t, []string{"ODD=" + address}, append([]string{"ones", "room-policy", "--config", file}, args...)...)
	}
	script, status := policy("o'brien@contoso.com", "--what-if", "--account", "ones-rooms@contoso.com", "--subjects", "boardroom", "atrium")
	if status != 0 {
		t.Fatalf("%d: %s", status, script)
	}
	var told []string
	for _, c := range judgePowerShell(t, script) {
		told = append(told, fmt.Sprint(c.Name, " ", c.Parameters, " ", c.Splatted))
	}
	room := func(more ...string) []string {
		return slices.Concat([]string{"Set-CalendarProcessing map[Identity:$room WhatIf:true] [common own]"}, more, []string{
			"Get-MailboxFolderStatistics map[FolderScope:Calendar Identity:$room] []",
			"Where-Object map[EQ:true Property:FolderType Value:'Calendar'] []",
			"Select-Object map[First:1] []",
			"Set-MailboxFolderPermission map[AccessRights:LimitedDetails Identity:$folder User:Default WhatIf:true] []",
			"Get-MailboxFolderPermission map[ErrorAction:SilentlyContinue Identity:$folder User:$account] []",
			"Set-MailboxFolderPermission map[AccessRights:Editor Identity:$folder User:$account WhatIf:true] []",
			"Add-MailboxFolderPermission map[AccessRights:Editor Identity:$folder User:$account WhatIf:true] []",
			`Write-Warning map[Message:"$room has no calendar that could be found; its rights are as they were."] []`,
			"Get-CalendarProcessing map[Identity:$room] []",
		})
	}
	const format = "Format-List "
	want := slices.Concat(
		[]string{"Connect-ExchangeOnline map[ExchangeEnvironmentName:O365China ShowBanner:$false] []"},
		room("Set-Place map[Capacity:12 Identity:$room WhatIf:true] []",
			"Set-MailboxCalendarConfiguration map[Identity:$room WhatIf:true WorkingHoursTimeZone:'China Standard Time'] []"),
		[]string{format, "Disconnect-ExchangeOnline map[Confirm:$false] []", "Connect-ExchangeOnline map[ExchangeEnvironmentName:O365USGovDoD ShowBanner:$false] []"},
		room(), []string{format, "Disconnect-ExchangeOnline map[Confirm:$false] []"},
	)
	for i, w := range want {
		if i >= len(told) || told[i] != w && (w != format || !strings.HasPrefix(told[i], format)) {
			t.Fatalf("command %d of %q, want %s", i, told, w)
		}
	}
	if len(told) != len(want) {
		t.Errorf("more commands than are meant: %q", told[len(want):])
	}

	for _, address := range []string{"o'brien@contoso.com", "$(Remove-Mailbox)@contoso.com", "a\u2019\nRemove-Mailbox@contoso.com", "會議室@contoso.com", "`\"#{}@()[]@contoso.com", "a@'+[char]0x27+'"} {
		script, status := policy(address, "odd")
		if status != 0 {
			t.Fatalf("%q: %d: %s", address, status, script)
		}
		var names []string
		for _, c := range judgePowerShell(t, script) {
			names = append(names, c.Name)
		}
		if want := []string{"Connect-ExchangeOnline", "Set-CalendarProcessing", "Get-CalendarProcessing", "Format-List", "Disconnect-ExchangeOnline"}; !slices.Equal(names, want) {
			t.Errorf("%q: the commands are %q, want %q", address, names, want)
		}
	}

	for want, args := range map[string][]string{
		"there is no room attic":          {"attic"},
		"is not the address of a mailbox": {"--account", "ones rooms"},
		"ODD is not set":                  {"odd"},
	} {
		if said, status := policy("", args...); status != 1 || !strings.Contains(said, want) || strings.Contains(said, "Connect-") {
			t.Errorf("%q: %d %s, want %q", args, status, said, want)
		}
	}
	if said, status := policy("a@b", "far"); status != 0 || !strings.Contains(said, "room far: Exchange accepts nothing") {
		t.Errorf("a window that Exchange can't have: %d %s", status, said)
	}
}
