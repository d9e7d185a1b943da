// Command web is the lab's workload. It answers every HTTP request with a line: its pod's name and address.
package main

import (
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
)

func main() {
	name, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		local, _ := r.Context().Value(http.LocalAddrContextKey).(*net.TCPAddr)
		fmt.Fprintf(w, "%s %s\n", name, local.IP)
	})
	log.Fatal(http.ListenAndServe(":80", nil))
}
