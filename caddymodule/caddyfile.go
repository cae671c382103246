package caddymodule

import (
	"strings"

	"github.com/caddyserver/caddy/v2/caddyconfig"
	"github.com/caddyserver/caddy/v2/caddyconfig/caddyfile"
	"github.com/caddyserver/caddy/v2/caddyconfig/httpcaddyfile"

	"github.com/onesgate/onesgate/internal/identity"
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
func parseOnes(d *caddyfile.Dispenser, existing any) (any, error) {
	if existing != nil {
		return nil, d.Err("the global option ones is there twice; put both into one block")
	}
	var a App
	d.Next() // "ones"
	if d.NextArg() {
		return nil, d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "public_url":
			err = one(d, &a.PublicURL)
		case "keyset":
			err = one(d, &a.Keyset)
		case "store":
			err = parseStore(d, &a)
		case "integration":
			err = parseIntegration(d, &a)
		default:
			err = unknown(d, "ones", "public_url, store, keyset, integration")
		}
		if err != nil {
			return nil, err
		}
	}
	return httpcaddyfile.App{Name: "ones", Value: caddyconfig.JSON(a, nil)}, nil
}

func parseStore(d *caddyfile.Dispenser, a *App) error {
	if a.StoreRaw != nil {
		return d.Err("store is there twice")
	}
	if !d.NextArg() {
		return d.ArgErr()
	}
	name := d.Val()
	mod, err := caddyfile.UnmarshalModule(d, "ones.stores."+name)
	if err != nil {
		return err
	}
	a.StoreRaw = caddyconfig.JSONModuleObject(mod, "module", name, nil)
	return nil
}

func parseIntegration(d *caddyfile.Dispenser, a *App) error {
	i := new(Integration)
	if !d.AllArgs(&i.Name) {
		return d.ArgErr()
	}
	for _, other := range a.Integrations {
		if other.Name == i.Name {
			return d.Errf("integration %s is there twice", i.Name)
		}
	}
	seen := map[string]bool{}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if seen[d.Val()] {
			return d.Errf("%s is there twice; put both into one block", d.Val())
		}
		seen[d.Val()] = true
		var err error
		switch d.Val() {
		case "server":
			err = parseServer(d, &i.Server)
		case "rooms":
			err = parseRooms(d, i)
		case "users":
			err = parseUsers(d, &i.Users)
		default:
			err = unknown(d, "integration", "server, rooms, users")
		}
		if err != nil {
			return err
		}
	}
	a.Integrations = append(a.Integrations, i)
	return nil
}

func parseServer(d *caddyfile.Dispenser, s *Server) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "operator":
			err = parseOperator(d, s)
		case "tenant_id":
			err = one(d, &s.TenantID)
		case "client_id":
			err = one(d, &s.ClientID)
		case "client_secret", "client_certificate", "federated_token_file":
			err = parseCredential(d, s)
		case "scopes":
			err = many(d, &s.Scopes)
		case "cae":
			err = flag(d, &s.CAE)
		default:
			err = unknown(d, "server", "operator, tenant_id, client_id, client_secret, client_certificate, federated_token_file, scopes, cae")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseOperator(d *caddyfile.Dispenser, s *Server) error {
	if err := one(d, &s.Operator); err != nil {
		return err
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch {
		case s.Operator != "custom":
			err = d.Errf("operator %s takes no block; only operator custom does", s.Operator)
		case d.Val() == "issuer":
			err = one(d, &s.Issuer)
		case d.Val() == "graph":
			err = one(d, &s.Graph)
		default:
			err = unknown(d, "operator custom", "issuer, graph")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// parseCredential reads one of the words that may stand several times, in the
// order in which they are to be tried.
func parseCredential(d *caddyfile.Dispenser, s *Server) error {
	var c Credential
	word, args := d.Val(), d.RemainingArgs()
	switch {
	case len(args) == 0:
		return d.ArgErr()
	case args[0] == "":
		return d.Errf("%s is empty", word)
	case word == "client_secret" && len(args) <= 2:
		c.Secret = args[0]
		if len(args) == 2 {
			c.Expires = args[1]
		}
	case word == "client_certificate" && len(args) == 2:
		c.Certificate, c.Key = args[0], args[1]
	case word == "federated_token_file" && len(args) == 1:
		c.TokenFile = args[0]
	default:
		return d.ArgErr()
	}
	for _, other := range s.Credentials {
		if other.Expires = c.Expires; other == c {
			return d.Errf("this %s is there twice", word)
		}
	}
	s.Credentials = append(s.Credentials, c)
	return nil
}

func parseRooms(d *caddyfile.Dispenser, i *Integration) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		if d.Val() != "room" {
			return unknown(d, "rooms", "room")
		}
		r := new(Room)
		if !d.AllArgs(&r.Name, &r.Address) {
			return d.ArgErr()
		}
		for nesting := d.Nesting(); d.NextBlock(nesting); {
			if err := parseRoomWord(d, r); err != nil {
				return err
			}
		}
		i.Rooms = append(i.Rooms, r)
	}
	return nil
}

func parseRoomWord(d *caddyfile.Dispenser, r *Room) error {
	switch d.Val() {
	case "name":
		return one(d, &r.Title)
	case "time_zone":
		return one(d, &r.TimeZone)
	case "capacity":
		return number(d, &r.Capacity)
	case "group":
		return one(d, &r.Group)
	case "max_duration":
		return duration(d, &r.MaxDuration)
	case "booking_window":
		return duration(d, &r.BookingWindow)
	case "on_decline":
		return one(d, &r.OnDecline)
	case "check_in":
		return duration(d, &r.CheckIn)
	}
	return unknown(d, "room", "name, time_zone, capacity, group, max_duration, booking_window, on_decline, check_in")
}

func parseUsers(d *caddyfile.Dispenser, u *Users) error {
	if d.NextArg() {
		return d.ArgErr()
	}
	for nesting := d.Nesting(); d.NextBlock(nesting); {
		var err error
		switch d.Val() {
		case "login_button":
			err = one(d, &u.LoginButton)
		case "default_groups":
			err = many(d, &u.DefaultGroups)
		case "allow_groups":
			err = many(d, &u.AllowGroups)
		case "allow_guests":
			err = flag(d, &u.AllowGuests)
		case "map_group":
			var from, to string
			if !d.AllArgs(&from, &to) {
				return d.ArgErr()
			}
			if u.MapGroups == nil {
				u.MapGroups = map[string]string{}
			}
			if _, twice := u.MapGroups[from]; twice {
				return d.Errf("map_group %q is there twice", from)
			}
			u.MapGroups[from] = to
		case "card_number":
			err = one(d, &u.CardNumber)
		case "card_format":
			err = parseCardFormat(d, u)
		case "forget_after":
			err = parseForgetAfter(d, u)
		default:
			err = unknown(d, "users", "login_button, default_groups, allow_groups, allow_guests, map_group, card_number, card_format, forget_after")
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func parseCardFormat(d *caddyfile.Dispenser, u *Users) error {
	var words []string
	if u.CardFormat != "" {
		return d.Err("card_format is there twice")
	}
	if err := many(d, &words); err != nil {
		return err
	}
	u.CardFormat = strings.Join(words, " ")
	if _, err := identity.ParseCardFormat(u.CardFormat); err != nil {
		return d.WrapErr(err)
	}
	return nil
}

func parseForgetAfter(d *caddyfile.Dispenser, u *Users) error {
	if err := one(d, &u.ForgetAfter); err != nil || strings.Contains(u.ForgetAfter, "{") { // a placeholder
		return err
	}
	if _, err := forgetAfter(u.ForgetAfter); err != nil {
		return d.WrapErr(err)
	}
	return nil
}
