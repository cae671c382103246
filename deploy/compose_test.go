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
	Volumes     []struct {
		Source, Target string
		ReadOnly       bool `json:"read_only"`
	}
	Healthcheck struct{ Test []string }
}

func TestCompose(t *testing.T) {
	t.Parallel()
	ending := checkCaddyfile(t, setUp(t, "compose", "https://ones.contoso.com"))
	here, err := filepath.Abs("compose")
	if err != nil {
		t.Fatal(err)
	}
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
	etc := gateway.Volumes[0]
	if etc.Source != filepath.Join(here, "config") || etc.Target != "/etc/onesgate" || !etc.ReadOnly {
		t.Errorf("%+v", etc)
	}
	if len(gateway.Secrets) > 0 || gateway.Environment["ONES_SERVICE_BIND"] != "0.0.0.0" {
		t.Errorf("%+v, %v", gateway.Secrets, gateway.Environment)
	}
	stop, err := time.ParseDuration(gateway.Stop)
	if err != nil {
		t.Fatal(err)
	}
	outlasts(t, stop, ending)

	// The loader refuses what it doesn't know.
	wrong := strings.Replace(read(t, "compose/compose.yaml"), "read_only:", "readonly:", 1)
	fails(t, lint(write(t, filepath.Join(t.TempDir(), "compose.yaml"), wrong), "ONES_IMAGE=ones:1"), "readonly")
}

// The commands of docs/deploy.md up to Docker's, with answers from a file, make what the
// containers need, and give it to their users.
func TestComposeCommands(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("only root may give files to the users in the containers")
	}
	dir := t.TempDir()
	compose := filepath.Join(dir, "deploy", "compose")
	if err := os.MkdirAll(compose, 0o755); err != nil {
		t.Fatal(err)
	}
	from := write(t, filepath.Join(dir, "answers.json"), answers("https://ones.contoso.com"))
	commands, _, cut := strings.Cut(blocks(t, "Compose")[0], "docker compose")
	if !cut {
		t.Fatal("docs/deploy.md starts nothing")
	}
	commands = strings.Replace(commands, "ones setup", "ones setup --from "+from, 1)
	cmd := exec.CommandContext(t.Context(), "bash", "-euo", "pipefail", "-c", commands)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + tools + ":" + os.Getenv("PATH"), "ONES_CLIENT_SECRET=Abc8Q~not-a-real-one"}
	works(t, cmd)
	password := strings.TrimSpace(read(t, filepath.Join(compose, "secrets", "database_password")))
	if env := read(t, filepath.Join(compose, "config", "onesgate.env")); !strings.Contains(env, "\nONES_DATABASE_URL=postgres://onesgate:"+password+"@database/onesgate?sslmode=disable\n") {
		t.Errorf("the database is not told: %s", env)
	}
	for name, want := range map[string]int{"config/onesgate.env": nonroot, "config/keyset.json": nonroot, "secrets/database_password": 999} {
		path := filepath.Join(compose, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if of, err := owner(path); err != nil || of != want || info.Mode().Perm() != 0o400 {
			t.Errorf("%s belongs to %d, %v, and has mode %#o", name, of, err, info.Mode().Perm())
		}
	}
	checkCaddyfile(t, filepath.Join(compose, "config"))
}
