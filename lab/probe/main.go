// Command probe tells for how long a server cannot reach a nameserver and a pod. It asks both at a steady pace, each time by a
// new socket and without waiting for earlier answers, until SIGTERM or SIGINT or its time is over; then it prints one line of
// JSON. What fails counts as lost and never stops it.
package main

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"sync"
	"syscall"
	"time"
)

// probe is one question: when it was asked, and when the right kind of answer was there; zero while there is none.
type probe struct {
	sent     time.Time
	answered time.Time
}

// target is what is asked again and again.
type target struct {
	ask func(ctx context.Context) error
	// In the order in which they were sent.
	probes []*probe
}

// outage goes from the moment at which the first lost probe was sent to the first answer to a later one.
type outage struct {
	Start time.Time `json:"start"`
	// Nil while there was no answer until the end.
	End *time.Time `json:"end"`
	Ms  int64      `json:"ms"`
}

type result struct {
	Sent            int      `json:"sent"`
	Lost            int      `json:"lost"`
	LongestOutageMs int64    `json:"longestOutageMs"`
	Outages         []outage `json:"outages"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("probe: ")
	interval := flag.Duration("interval", 100*time.Millisecond, "time between two probes of a target")
	patience := flag.Duration("timeout", time.Second, "time after which a probe is lost")
	duration := flag.Duration("for", time.Hour, "time after which probing ends by itself")
	nameserver := flag.String("dns", "", "nameserver to ask, `address:port`")
	name := flag.String("name", "", "domain name to ask it for: an A record")
	url := flag.String("http", "", "`URL` to get")
	flag.Parse()
	if *nameserver == "" || *name == "" || *url == "" || flag.NArg() > 0 {
		flag.Usage()
		os.Exit(2)
	}
	question, err := encodeName(*name)
	if err != nil {
		log.Fatal(err)
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, *duration)
	defer cancel()
	client := &http.Client{
		// No proxy from the environment, and no connection twice.
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	targets := map[string]*target{
		"dns": {ask: func(ctx context.Context) error { return askNameserver(ctx, *nameserver, question) }},
		"pod": {ask: func(ctx context.Context) error { return get(ctx, client, *url) }},
	}

	var running sync.WaitGroup
	ticker := time.NewTicker(*interval)
	for ctx.Err() == nil {
		for _, target := range targets {
			one := &probe{sent: time.Now()}
			target.probes = append(target.probes, one)
			running.Add(1)
			go func() {
				defer running.Done()
				one.wait(target.ask, *patience)
			}()
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
		}
	}
	running.Wait()

	end := time.Now()
	results := map[string]result{}
	for name, target := range targets {
		results[name] = target.result(end)
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

// wait asks. What was asked before the end is waited for after it, so the time limit is the probe's own.
func (p *probe) wait(ask func(context.Context) error, patience time.Duration) {
	ctx, cancel := context.WithDeadline(context.Background(), p.sent.Add(patience))
	defer cancel()
	if ask(ctx) == nil {
		p.answered = time.Now()
	}
}

// result counts, when no probe is running any more.
func (t *target) result(end time.Time) result {
	r := result{Sent: len(t.probes), Outages: []outage{}}
	var since *probe
	add := func(until time.Time, over bool) {
		one := outage{Start: since.sent.UTC().Round(time.Millisecond), Ms: until.Sub(since.sent).Milliseconds()}
		if over {
			utc := until.UTC().Round(time.Millisecond)
			one.End = &utc
		}
		r.Outages = append(r.Outages, one)
		r.LongestOutageMs = max(r.LongestOutageMs, one.Ms)
		since = nil
	}
	for _, one := range t.probes {
		switch {
		case one.answered.IsZero():
			r.Lost++
			if since == nil {
				since = one
			}
		case since != nil:
			add(one.answered, true)
		}
	}
	if since != nil {
		add(end, false)
	}
	return r
}

// get takes status 200 and a whole body for success.
func get(ctx context.Context, client *http.Client, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("status %d", response.StatusCode)
	}
	_, err = io.Copy(io.Discard, response.Body)
	return err
}

// askNameserver takes an answer without error that has a record for success (RFC 1035, section 4).
func askNameserver(ctx context.Context, address string, question []byte) error {
	connection, err := (&net.Dialer{}).DialContext(ctx, "udp", address)
	if err != nil {
		return err
	}
	defer connection.Close()
	if deadline, ok := ctx.Deadline(); ok {
		connection.SetDeadline(deadline)
	}
	id := uint16(rand.Uint32())
	query := binary.BigEndian.AppendUint16(nil, id)
	// Recursion is desired; one question.
	query = append(query, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, 0)
	query = append(query, question...)
	if _, err := connection.Write(query); err != nil {
		return err
	}
	answer := make([]byte, 4096)
	for {
		n, err := connection.Read(answer)
		if err != nil {
			return err
		}
		if n < 12 || binary.BigEndian.Uint16(answer) != id || answer[2]&0x80 == 0 {
			continue
		}
		if code := answer[3] & 0x0f; code != 0 {
			return fmt.Errorf("response code %d", code)
		}
		if binary.BigEndian.Uint16(answer[6:]) == 0 {
			return fmt.Errorf("no record")
		}
		return nil
	}
}

// encodeName makes the question for the name's A record.
func encodeName(name string) ([]byte, error) {
	var question []byte
	for _, label := range strings.Split(strings.TrimSuffix(name, "."), ".") {
		if len(label) == 0 || len(label) > 63 {
			return nil, fmt.Errorf("%q is no domain name", name)
		}
		question = append(append(question, byte(len(label))), label...)
	}
	// The root; type A, class IN.
	return append(question, 0, 0, 1, 0, 1), nil
}
