package caddymodule

import (
	"fmt"
	"slices"
	"strings"

	"github.com/caddyserver/caddy/v2"
	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"
)

func init() {
	httpcaddyfile.RegisterGlobalOption("ones", parseOnes)
}

// parseOnes reads the global option. Syntax:
//
//	ones {
//		public_url <url>
//		store      <module> ...
//		keyset     <file>
//		integration <name> {
//			server {
//				operator      microsoft|21vianet|us_gov|us_gov_dod|custom {
//					issuer <url>
//					graph  <url>
//				}
//				tenant_id     <guid or domain>
//				client_id     <id>
//				client_secret <secret> [<expires>]
//				client_certificate <cert file> <key file>
//				federated_token_file <file>
//				scopes        <scope...>
//				cae
//			}
//			rooms {
//				room <name> <address> {
//					name           <text>
//					time_zone      <zone>
//					capacity       <number>
//					group          <text>
//					max_duration   <duration>
//					booking_window <duration>
//					on_decline     cancel|keep
//					check_in       <duration>
//				}
//			}
//			users {
//				login_button   <text>
//				default_groups <group...>
//				allow_groups   <directory group or role...>
//				allow_guests
//				map_group      <directory group or role> <ones group>
//				card_number    <claim>
//				card_format    as_is | decimal|hex [to decimal|hex] [reversed] [digits <number>]
//				forget_after   <duration>
//			}
//		}
//	}
//
// What is wrong with a value that has no placeholder is found out here, by the
// checks that Provision has, so that the error says where the value stands.
func parseOnes(d *caddyfile.Dispenser, existing any) (any, error) {
	d.Next() // "ones"
	if warnings, ok := existing.(*[]caddyconfig.Warning); ok {
		d.SetContext(warningsKey, warnings)
	} else if existing != nil {
		return nil, d.Err("the global option ones is there twice; put both into one block")
	}
	a := new(App)
	if err := readWord(d, once("ones {…}", readWords("ones", onesWords(a), a.checkText))); err != nil {
		return nil, err
	}
	return httpcaddyfile.App{Name: "ones", Value: caddyconfig.JSON(a, nil)}, nil
}

// language returns all blocks and their words.
func language() []struct {
	name  string
	words []word
} {
	var (
		a App
		i Integration
	)
	return []struct {
		name  string
		words []word
	}{
		{"ones", onesWords(&a)},
		{"store badger", badgerWords(new(Badger))},
		{"store postgres", postgresWords(new(Postgres))},
		{"integration", integrationWords(&a, &i)},
		{"server", serverWords(&i.Server)},
		{"operator custom", operatorWords(&i.Server)},
		{"rooms", roomsWords(&a, &i)},
		{"room", roomWords(new(Room))},
		{"users", usersWords(&i.Users)},
		{"ones_auth", authWords(new(Auth))},
		{"session", sessionWords(new(Auth))},
		{"ones_bookings", bookingsWords(new(Bookings))},
	}
}

func onesWords(a *App) []word {
	return []word{
		once("public_url <url>", readText(&a.PublicURL)),
		once("store badger|postgres [<folder-or-url>] {…}", func(d *caddyfile.Dispenser, values []string) error {
			return readStore(d, a, values)
		}),
		once("keyset <file>", readText(&a.Keyset)),
		several("integration <name> {…}", func(d *caddyfile.Dispenser, values []string) error {
			return readIntegration(d, a, values[0])
		}),
	}
}

func readStore(d *caddyfile.Dispenser, a *App, values []string) error {
	const namespace = "ones.stores"
	var known []string
	for _, m := range caddy.GetModules(namespace) {
		known = append(known, m.ID.Name())
	}
	name := values[0]
	if !slices.Contains(known, name) {
		return fmt.Errorf("store doesn't know %w", notOf(name, known))
	}
	for range values[1:] { // back to the name, where the module begins
		d.Prev()
	}
	mod, err := caddyfile.UnmarshalModule(d, namespace+"."+name)
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(mod, "module", name, nil)
	a.store, _ = mod.(storeModule)
	return nil
}

func readIntegration(d *caddyfile.Dispenser, a *App, name string) error {
	i := &Integration{Name: name}
	err := readBlock(d, "integration", integrationWords(a, i), func() error {
		if err := checkText(i); err != nil {
			return err
		}
		return i.clash(a.Integrations)
	})
	a.Integrations = append(a.Integrations, i)
	return err
}

func integrationWords(a *App, i *Integration) []word {
	return []word{
		once("server {…}", readWords("server", serverWords(&i.Server), i.Server.checkText)),
		once("rooms {…}", readWords("rooms", roomsWords(a, i), func() error { return nil })),
		once("users {…}", readWords("users", usersWords(&i.Users), func() error { return checkText(&i.Users) })),
	}
}

func serverWords(s *Server) []word {
	return []word{
		once("operator microsoft|21vianet|us_gov|us_gov_dod|custom {…}", func(d *caddyfile.Dispenser, values []string) error {
			s.Operator = values[0]
			if s.Operator != customOperator {
				if d.NextBlock(d.Nesting()) {
					return fmt.Errorf("operator %s takes no block; only operator %s does", s.Operator, customOperator)
				}
				return nil
			}
			return readBlock(d, "operator custom", operatorWords(s), func() error {
				if err := s.completeCustom(); err != nil {
					return err
				}
				known := literal(*s)
				return known.checkCustom()
			})
		}),
		once("tenant_id <guid-or-domain>", readText(&s.TenantID)),
		once("client_id <guid>", readText(&s.ClientID)),
		several("client_secret <secret> [<expires>]", func(_ *caddyfile.Dispenser, values []string) error {
			c := Credential{Secret: values[0]}
			if len(values) == 2 {
				c.Expires = values[1]
			}
			return s.addCredential(c)
		}),
		several("client_certificate <certificate-file> <key-file>", func(_ *caddyfile.Dispenser, values []string) error {
			return s.addCredential(Credential{Certificate: values[0], Key: values[1]})
		}),
		several("federated_token_file <file>", func(_ *caddyfile.Dispenser, values []string) error {
			return s.addCredential(Credential{TokenFile: values[0]})
		}),
		once("scopes <scope...>", func(d *caddyfile.Dispenser, values []string) error {
			s.Scopes = values
			for _, doubt := range literal(*s).doubts() {
				warn(d, doubt)
			}
			return nil
		}),
		once("cae", readFlag(&s.CAE)),
	}
}

func operatorWords(s *Server) []word {
	return []word{
		once("issuer <url>", readText(&s.Issuer)),
		once("graph <url>", readText(&s.Graph)),
	}
}

func roomsWords(a *App, i *Integration) []word {
	return []word{
		several("room <name> <address> {…}", func(d *caddyfile.Dispenser, values []string) error {
			r, line := &Room{Name: values[0], Address: values[1]}, d.Line()
			err := readBlock(d, "room", roomWords(r), func() error {
				if err := checkText(r); err != nil {
					return err
				}
				for _, other := range append(a.Integrations, i) {
					if err := r.clash(other.Rooms); err != nil {
						return err
					}
				}
				return nil
			})
			if err == nil && r.TimeZone == "" {
				warnAt(d, line, "room "+r.Name+" has no time_zone, so its times are those of UTC; write time_zone Asia/Hong_Kong, say, or time_zone UTC if that is meant")
			}
			i.Rooms = append(i.Rooms, r)
			return err
		}),
	}
}

func roomWords(r *Room) []word {
	return []word{
		once(`name "<text>"`, readText(&r.Title)),
		once("time_zone <zone>", readText(&r.TimeZone)),
		once("capacity <people>", readNumber(&r.Capacity, 1, 100_000)),
		once(`group "<text>"`, readText(&r.Group)),
		once("max_duration <duration>", readDuration(&r.MaxDuration)),
		once("booking_window <duration>", readDuration(&r.BookingWindow)),
		once("on_decline cancel|keep", readText(&r.OnDecline)),
		once("check_in <duration>", readDuration(&r.CheckIn)),
	}
}

func usersWords(u *Users) []word {
	return []word{
		once(`login_button "<text>"`, readText(&u.LoginButton)),
		once("default_groups <group...>", readList(&u.DefaultGroups)),
		once("allow_groups <group-or-role...>", readList(&u.AllowGroups)),
		once("allow_guests", readFlag(&u.AllowGuests)),
		several("map_group <group-or-role> <ones-group>", func(_ *caddyfile.Dispenser, values []string) error {
			if u.MapGroups == nil {
				u.MapGroups = map[string]string{}
			}
			from := values[0]
			if _, twice := u.MapGroups[from]; twice {
				return fmt.Errorf("map_group %q is there twice; a group leads to one group of ONES", from)
			}
			u.MapGroups[from] = values[1]
			_, err := literal(*u).rules()
			return err
		}),
		once("card_number <claim>", readText(&u.CardNumber)),
		once("card_format as_is|decimal|hex [to] [decimal|hex] [reversed] [digits] [<number>]", func(_ *caddyfile.Dispenser, values []string) error {
			u.CardFormat = strings.Join(values, " ")
			return nil
		}),
		once("forget_after <duration>", readText(&u.ForgetAfter)),
	}
}
