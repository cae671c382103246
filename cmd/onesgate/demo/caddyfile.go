package demo

import "text/template"

// caddyfileTemplate is the demo's configuration: what an operator writes, with
// the simulator in Microsoft's place.
var caddyfileTemplate = template.Must(template.New("Caddyfile").Parse(`{
	admin off
	persist_config off
	# what goes wrong is shown; everything is in the file
	log {
		level ERROR
	}
	log everything {
		output file ` + "`{{.Dir}}/onesgate.log`" + `
	}
	ones {
		public_url {{.Public}}
		store badger ` + "`{{.Dir}}/store`" + ` {
			min_free 64MiB
		}
		keyset ` + "`{{.Dir}}/keyset.json`" + `
		integration contoso {
			server {
				operator custom {
					issuer {{.Issuer}}
					graph {{.Graph}}
				}
				client_id {{.ClientID}}
				client_secret {{.ClientSecret}}
			}
			rooms {
{{- range .Rooms}}
				room {{.ID}} {{.Address}} {
					name "{{.Name}}"
					time_zone {{.TimeZone}}
					capacity {{.Capacity}}
					group "{{.Group}}"
					max_duration 8h
					booking_window 60d
				}
{{- end}}
			}
			users {
				login_button "Sign in with Microsoft 365"
				default_groups staff
				map_group "Facilities" facilities
				map_group "Management" management
				map_group "Engineering" engineering
				map_group "Sales" sales
				card_number pager
			}
		}
	}
}

{{.Public}} {
	bind 127.0.0.1
	ones_auth {
		optional
		admins contoso/{{.Admin}}
		session {
			idle 12h
			max 168h
		}
	}
	handle_path /api/m365/* {
		ones_bookings
	}
	reverse_proxy {{.Ones}}
}

# by another name, such as 127.0.0.1: cookies and redirect URIs are those of localhost
http://:{{.Port}} {
	bind 127.0.0.1
	redir {{.Public}}{uri}
}

http://:{{.Service}} {
	bind 127.0.0.1
	ones_bookings {
		service_token {{.ServiceToken}} demo-ones
	}
}
`))
