// Command probe finds out for how long a server cannot reach a nameserver and a pod. It asks both at a steady pace, each time with a
// new socket and without waiting for earlier answers, until SIGTERM, SIGINT or the end of its time. Then it prints one line of JSON.
// A probe that fails counts as lost and does not stop the command.
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

// probe is one question: when it was asked, whether a good answer came, and after how long.
type probe struct {
	sent     time.Time
	answered bool
	took     time.Duration
}

// target is asked again and again.
type target struct {
	ask func(ctx context.Context) error
	// In the order of sending.
	probes []*probe
}

// outage goes from sending the last answered probe before a loss to sending the first answered one after it.
type outage struct {
	Start time.Time `json:"start"`
	// Nil if the outage lasted until the end; Ms then ends at the last probe.
	End *time.Time `json:"end"`
	Ms  int64      `json:"ms"`
}

type result struct {
	Sent int `json:"sent"`
	Lost int `json:"lost"`
	// Late is the number of probes that were answered, but not promptly.
	Late int `json:"late"`
	// SlowestMs is the longest that an answer took.
	SlowestMs int64 `json:"slowestMs"`
	// LongestRun is the length of the longest series of lost probes.
	LongestRun      int      `json:"longestRun"`
	LongestOutageMs int64    `json:"longestOutageMs"`
	Outages         []outage `json:"outages"`
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("probe: ")
	interval := flag.Duration("interval", 100*time.Millisecond, "time between two probes of a target")
	patience := flag.Duration("timeout", 5*time.Second, "time after which a probe is lost")
	prompt := flag.Duration("prompt", time.Second, "time after which an answer is late")
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
		// Uses neither a proxy from the environment nor a connection twice. The transport continues to dial after a request's time is
		// over; without a limit of their own, attempts to reach an unreachable pod would pile up for minutes.
		Transport:     &http.Transport{DisableKeepAlives: true, DialContext: (&net.Dialer{Timeout: *patience}).DialContext},
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

	results := map[string]result{}
	for name, target := range targets {
		results[name] = target.result(*prompt)
	}
	if err := json.NewEncoder(os.Stdout).Encode(results); err != nil {
		log.Fatal(err)
	}
}

// wait asks and waits for the answer. The time limit belongs to the probe, so that answers are also awaited after the command's end.
func (p *probe) wait(ask func(context.Context) error, patience time.Duration) {
	ctx, cancel := context.WithDeadline(context.Background(), p.sent.Add(patience))
	defer cancel()
	p.answered = ask(ctx) == nil
	p.took = time.Since(p.sent)
}

// result counts the probes, once none of them runs any more.
func (t *target) result(prompt time.Duration) result {
	r := result{Sent: len(t.probes), Outages: []outage{}}
	add := func(from, to *probe, over bool) {
		one := outage{Start: from.sent.UTC().Round(time.Millisecond), Ms: to.sent.Sub(from.sent).Milliseconds()}
		if over {
			end := to.sent.UTC().Round(time.Millisecond)
			one.End = &end
		}
		r.Outages = append(r.Outages, one)
		r.LongestOutageMs = max(r.LongestOutageMs, one.Ms)
	}
	// The last answered probe (the first of all if none was answered yet), and the number of lost probes since.
	last, run := 0, 0
	for i, one := range t.probes {
		if !one.answered {
			run++
			r.Lost++
			r.LongestRun = max(r.LongestRun, run)
			continue
		}
		if one.took > prompt {
			r.Late++
		}
		r.SlowestMs = max(r.SlowestMs, one.took.Milliseconds())
		if run > 0 {
			add(t.probes[last], one, true)
		}
		last, run = i, 0
	}
	if run > 0 {
		add(t.probes[last], t.probes[len(t.probes)-1], false)
	}
	return r
}

// get succeeds with status 200 and a complete body.
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

// askNameserver succeeds with an answer that has no error code and has a record (RFC 1035, section 4).
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
			return nil, fmt.Errorf("%q is not a domain name", name)
		}
		question = append(append(question, byte(len(label))), label...)
	}
	// The root; type A, class IN.
	return append(question, 0, 0, 1, 0, 1), nil
}
