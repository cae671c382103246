package signin

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/onesgate/onesgate/internal/session"
	"github.com/onesgate/onesgate/internal/signin/pages"
	"github.com/onesgate/onesgate/internal/status"
)

// Insight is what the pages for operators are made from. Its errors are the store's.
type Insight struct {
	// Picture tells how the gateway stands.
	Picture func(context.Context) (*status.Picture, error)
	// People lists some of those who have signed in, and tells where to go on; "": there
	// are no more. A list may be short, or empty, and not the last.
	People func(context.Context, PeopleFilter) (found []pages.Person, next string, err error)
	// Bookings lists them likewise, and BookingStates are those that they can be listed by.
	Bookings      func(context.Context, BookingsFilter) (found []pages.Booking, next string, err error)
	BookingStates []string
	// Booking tells what was done for one; ok is false if there is none.
	Booking func(ctx context.Context, id string) (told pages.Journal, ok bool, err error)
	// Retry has one carried on now; refused is why it can't be, "": it is.
	Retry func(ctx context.Context, id string) (refused string, err error)
}

// A BookingsFilter says which bookings are looked for. State "": those that are to come.
type BookingsFilter struct {
	State, Cursor string
	Limit         int
}

// A PeopleFilter says who is looked for; what is empty doesn't matter.
type PeopleFilter struct {
	Integration, State, Search string
	// Cursor is where an earlier list of the same ended.
	Cursor string
	Limit  int
}

// atOnce is how many people, or bookings, a page shows.
const atOnce = 50

// statusPage shows an admin how the gateway stands.
func (g *Gate) statusPage(w http.ResponseWriter, r *http.Request, _ *session.Session) {
	s := g.site
	picture, err := s.Insight.Picture(r.Context())
	if err != nil {
		s.storeAway(w, r, err)
		return
	}
	s.pages.Status(w, r, pages.Status{
		Picture: picture, Now: s.Now(), Zone: s.zoneOf(""), RoomsPath: pathRooms, FormAction: s.signInOrigins(r.Context()),
	})
}

// patience bounds how long the page waits to know where Microsoft signs in.
const patience = time.Second

// signInOrigins are where the forms that connect rooms lead to. What can't be known now is
// left out: nobody can be led there either.
func (s *Site) signInOrigins(ctx context.Context) (all []string) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for _, i := range s.Integrations {
		if to, err := i.Entra.AuthCodeURL(ctx, s.authRequest(s.newAttempt(i, "/"))); err == nil {
			all = append(all, to)
		}
	}
	return all
}

// peoplePage shows an admin who has signed in. What is searched for comes by POST: Caddy
// logs addresses.
func (g *Gate) peoplePage(w http.ResponseWriter, r *http.Request, current *session.Session) {
	s := g.site
	f := PeopleFilter{Limit: atOnce}
	if r.Method == http.MethodPost {
		f.Search, f.State, f.Integration, f.Cursor = r.PostFormValue("search"), r.PostFormValue("state"), r.PostFormValue("integration"), r.PostFormValue("cursor")
	}
	found, next, err := s.Insight.People(r.Context(), f)
	if err != nil {
		s.storeAway(w, r, err)
		return
	}
	s.Audit.InfoContext(r.Context(), "people were shown to an admin", "user", current.Person.ID, "session", current.ID[:12], "people", len(found))
	page := pages.People{
		Found: found, Search: f.Search, State: f.State, Integration: f.Integration, First: f.Cursor == "", Next: next, Now: s.Now(), Zone: s.zoneOf(""),
	}
	for _, i := range s.Integrations {
		page.Integrations = append(page.Integrations, i.Name)
	}
	s.pages.People(w, r, page)
}

// bookingsPage shows an admin how bookings stand.
func (g *Gate) bookingsPage(w http.ResponseWriter, r *http.Request, _ *session.Session) {
	s := g.site
	f := BookingsFilter{State: r.FormValue("state"), Cursor: r.FormValue("cursor"), Limit: atOnce}
	if !slices.Contains(s.Insight.BookingStates, f.State) {
		f.State = ""
	}
	found, next, err := s.Insight.Bookings(r.Context(), f)
	if err != nil {
		s.storeAway(w, r, err)
		return
	}
	s.pages.Bookings(w, r, pages.Bookings{
		Found: found, State: f.State, States: s.Insight.BookingStates, First: f.Cursor == "", Next: next, Now: s.Now(), Zone: s.zoneOf(""),
	})
}

// bookingPage shows an admin what was done for a booking.
func (g *Gate) bookingPage(w http.ResponseWriter, r *http.Request, _ *session.Session) {
	g.showBooking(w, r, "")
}

// showBooking shows a booking, and why what was asked for it was refused; "": nothing was.
func (g *Gate) showBooking(w http.ResponseWriter, r *http.Request, refused string) {
	s := g.site
	told, ok, err := s.Insight.Booking(r.Context(), r.PathValue("booking"))
	switch {
	case err != nil:
		s.storeAway(w, r, err)
	case !ok:
		s.refuse(w, r, pages.NotFound, "not_found", "There is no such booking.")
	default:
		told.Refused, told.Now, told.Zone = refused, s.Now(), s.zoneOf("")
		s.pages.Journal(w, r, told)
	}
}

// retryBooking has a booking carried on now, as an admin wants it.
func (g *Gate) retryBooking(w http.ResponseWriter, r *http.Request, current *session.Session) {
	s, id := g.site, r.PathValue("booking")
	refused, err := s.Insight.Retry(r.Context(), id)
	switch {
	case err != nil:
		s.storeAway(w, r, err)
	case refused != "":
		g.showBooking(w, r, refused)
	default:
		s.Audit.InfoContext(r.Context(), "a booking is retried as an admin wants it", "user", current.Person.ID, "session", current.ID[:12], "booking", id)
		http.Redirect(w, r, pages.StatusBookingsPath+"/"+url.PathEscape(id), http.StatusSeeOther)
	}
}
