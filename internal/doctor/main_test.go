package doctor

import (
	"flag"
	"fmt"
	"os"
	"slices"
	"testing"

	"github.com/onesgate/onesgate/internal/store/pgtest"
)

// server is a PostgreSQL server for all tests.
var server *pgtest.Server

// elsewhere are the kinds that are found where the configuration is read, or the store: the
// tests of package caddymodule find them.
var elsewhere = []Kind{ConfigMissing, ConfigInvalid, ConfigWarning, ConfigNotInForce, GatewayFails, LogUnfiltered, DebugUnfiltered, CredentialsLogged, ServiceExposed, IntegrationGone}

func TestMain(m *testing.M) {
	status := pgtest.Main(m, &server)
	if whole := flag.Lookup("test.run").Value.String() == ""; whole && status == 0 {
		for _, k := range Kinds {
			if _, is := proven.Load(k.Name); !is && !slices.Contains(elsewhere, k) {
				fmt.Printf("no test has found %s\n", k.Name)
				status = 1
			}
		}
	}
	os.Exit(status)
}
