package main

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// pages is a page of somebody who has signed in, through each program; through those that
// know nobody, a page of anybody.
func (l *lab) pages(ctx context.Context, r *report) error {
	all, err := l.pagePrograms()
	if err != nil {
		return err
	}
	for _, v := range all.list {
		if err := v.start(ctx); err != nil {
			return err
		}
	}
	measure := func(v *program) (float64, error) {
		took, err := v.perRequest(ctx, l.window)
		return micros(took), err
	}
	if _, err := byTurns(1, all.list, measure); err != nil { // caches and connections
		return err
	}
	used, err := byTurns(l.rounds, all.list, measure)
	if err != nil {
		return err
	}
	caddy := used[all.at(all.caddy)]
	for i, v := range all.list {
		r.add(row{"a page of who has signed in, CPU", v.name, used[i].spread("%.0f") + " µs", used[i].over(caddy).spread("%.2f"), ""})
	}
	compare := func(what string, one, other *program, target string) {
		if one != nil && other != nil {
			r.add(row{"ratio, " + what, one.name + " / " + other.name, used[all.at(one)].over(used[all.at(other)]).spread("%.2f") + " ×", "", target})
		}
	}
	compare("like for like, without profiles", all.gateway, all.caddy, "≤ 1.05 ×")
	compare("like for like, each with its own profile", all.optimised, all.tuned, "≤ 1.05 ×")
	compare("as we ship it / as people download it", all.optimised, all.caddy, "≤ 1.00 ×")
	compare("against mod_auth_openidc", all.optimised, all.apache, "≤ 0.35 ×")

	if err := l.latency(ctx, r, all); err != nil {
		return err
	}
	for _, v := range all.list {
		bytes, err := v.memory()
		if err != nil {
			return err
		}
		r.add(row{"memory after that, anonymous", v.name, fmt.Sprintf("%.0f MiB", mib(bytes)), "", ""})
	}
	return l.coldStarts(ctx, r, all)
}

// latency is how long the page takes at a fixed rate.
func (l *lab) latency(ctx context.Context, r *report, all *pagePrograms) error {
	late := make([]series, len(all.list)) // the 99th percentiles; byTurns has the medians
	half, err := byTurns(l.rounds, all.list, func(v *program) (float64, error) {
		took, err := pace(ctx, v.target, 4*l.connections, l.rate, l.window)
		if err != nil {
			return 0, fmt.Errorf("%s: %w", v.name, err)
		}
		i := all.at(v)
		late[i] = append(late[i], percentile(took, 99))
		return percentile(took, 50), nil
	})
	if err != nil {
		return err
	}
	caddy := all.at(all.caddy)
	work := fmt.Sprintf("the page at %d a second, p50; p99", l.rate)
	for i, v := range all.list {
		target := ""
		if v == all.gateway || v == all.optimised {
			target = "p99 within the noise of stock Caddy"
		}
		r.add(row{
			work, v.name, half[i].spread("%.2f") + " ms; " + late[i].spread("%.2f") + " ms",
			half[i].over(half[caddy]).spread("%.2f") + "; " + late[i].over(late[caddy]).spread("%.2f"), target,
		})
	}
	return nil
}

// coldStarts is from when a program is started until it answers: a gateway to who had
// signed in before, the others to anybody.
func (l *lab) coldStarts(ctx context.Context, r *report, all *pagePrograms) error {
	took, err := byTurns(l.starts, all.list, func(v *program) (float64, error) {
		d, err := v.restart(ctx)
		return millis(d), err
	})
	if err != nil {
		return err
	}
	for i, v := range all.list {
		r.add(row{"cold start until the first answer", v.name, took[i].spread("%.0f") + " ms", took[i].over(took[all.at(all.caddy)]).spread("%.2f"), ""})
	}
	return nil
}

// restart stops a program and starts it, and returns how long it takes until it answers.
func (v *program) restart(ctx context.Context) (time.Duration, error) {
	v.stop()
	v.lab.running = slices.DeleteFunc(v.lab.running, func(p *process) bool { return p == v.process })
	begin := time.Now()
	var err error
	if v.process, err = v.lab.launch(v.dir+".log", v.env, v.argv...); err != nil {
		return 0, err
	}
	first := line{target: v.target}
	defer first.close()
	answers := func() error { return first.ask(v.request(0)) }
	if v.forgets {
		answers = v.answers
	}
	err = v.await(ctx, answers)
	return time.Since(begin), err
}

// pagePrograms are those that a page is measured through. nil: it is not there.
type pagePrograms struct {
	list                                     []*program
	caddy, tuned, gateway, optimised, apache *program
}

func (all *pagePrograms) at(v *program) int { return slices.Index(all.list, v) }

func (l *lab) pagePrograms() (*pagePrograms, error) {
	all := &pagePrograms{}
	add := func(v *program, err error) (*program, error) {
		if err == nil {
			all.list = append(all.list, v)
		}
		return v, err
	}
	addGateway := func(g *gateway, err error) (*program, error) {
		if err != nil {
			return nil, err
		}
		return add(g.program, nil)
	}
	var err error
	if all.caddy, err = add(l.caddyAt("stock Caddy", l.caddy)); err != nil {
		return nil, err
	}
	if all.gateway, err = addGateway(l.gatewayAt("onesgate without its profile", l.gateway)); err != nil {
		return nil, err
	}
	all.gateway.env = append(all.gateway.env, "GOGC=100") // as stock Caddy has it
	if l.optimised {
		if _, err := add(l.caddyAt("stock Caddy without build tags", l.caddyUntagged)); err != nil {
			return nil, err
		}
		if all.tuned, err = add(l.caddyAt("stock Caddy with a profile", l.caddyTuned)); err != nil {
			return nil, err
		}
		all.tuned.env = append(all.tuned.env, "GOGC=200") // as onesgate has it
		if all.optimised, err = addGateway(l.gatewayAt("onesgate", l.gatewayOptimised)); err != nil {
			return nil, err
		}
	}
	peers, err := l.peersAt()
	if err != nil {
		return nil, err
	}
	for _, v := range peers {
		if v.name == apacheName {
			all.apache = v
		}
		all.list = append(all.list, v)
	}
	return all, nil
}
