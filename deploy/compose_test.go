package deploy

import (
	"encoding/json"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// A service of a compose file, as its own loader tells it.
type service struct {
	ReadOnly    bool     `json:"read_only"`
	CapDrop     []string `json:"cap_drop"`
	CapAdd      []string `json:"cap_add"`
	Privileged  bool     `json:"privileged"`
	SecurityOpt []string `json:"security_opt"`
	Ports       []any    `json:"ports"`
	Networks    map[string]any
	Stop        string `json:"stop_grace_period"`
	Environment map[string]string
	Secrets     []struct{ Source, Target string }
	Healthcheck struct{ Test []string }
}

func TestCompose(t *testing.T) {
	t.Parallel()
	c := checkCaddyfile(t, "compose/config/Caddyfile")
	lint := func(file string, env ...string) *exec.Cmd {
		cmd := tool(t, "lint", "compose", file)
		cmd.Env = append(os.Environ(), env...)
		return cmd
	}
	fails(t, lint("compose/compose.yaml"), "ONES_IMAGE")
	var project struct {
		Services map[string]service
		Networks map[string]struct{ Internal bool }
		Secrets  map[string]struct{ File string }
	}
	if err := json.Unmarshal([]byte(works(t, lint("compose/compose.yaml", "ONES_IMAGE=ones:1"))), &project); err != nil {
		t.Fatal(err)
	}
	gateway, database, ones := project.Services["onesgate"], project.Services["database"], project.Services["ones"]
	for name, s := range map[string]service{"onesgate": gateway, "database": database} {
		if !s.ReadOnly || !slices.Equal(s.CapDrop, []string{"ALL"}) || len(s.CapAdd) > 0 || s.Privileged ||
			!slices.Contains(s.SecurityOpt, "no-new-privileges:true") || len(s.Healthcheck.Test) == 0 {
			t.Errorf("%s: %+v", name, s)
		}
		for _, secret := range s.Secrets {
			if project.Secrets[secret.Source].File == "" || secret.Target != "/run/secrets/"+secret.Source {
				t.Errorf("%s: secret %+v", name, secret)
			}
		}
	}
	// Whoever reached ONES or the database past the gateway could be anybody.
	for name, s := range map[string]service{"database": database, "ones": ones} {
		if len(s.Ports) > 0 || !slices.Equal(slices.Collect(maps.Keys(s.Networks)), []string{name}) || !project.Networks[name].Internal {
			t.Errorf("%s can be reached: %+v", name, s)
		}
	}
	var provided []string
	for _, s := range gateway.Secrets {
		provided = append(provided, s.Source)
	}
	wants(t, c, provided)
	if gateway.Environment["CREDENTIALS_DIRECTORY"] != "/run/secrets" {
		t.Errorf("%v", gateway.Environment)
	}
	stop, err := time.ParseDuration(gateway.Stop)
	if err != nil {
		t.Fatal(err)
	}
	outlasts(t, stop, c)

	// The loader refuses what it doesn't know.
	wrong := strings.Replace(read(t, "compose/compose.yaml"), "read_only:", "readonly:", 1)
	fails(t, lint(write(t, filepath.Join(t.TempDir(), "compose.yaml"), wrong), "ONES_IMAGE=ones:1"), "readonly")
}
