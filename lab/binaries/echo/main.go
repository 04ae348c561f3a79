// Command echo is the small application of the examples and tests: a server that says who answered and who asked,
// and a client that counts answers by version.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

func main() {
	if len(os.Args) < 2 {
		fail("usage: echo serve|get|load|dial|hold [flags]; each takes -h")
	}
	switch os.Args[1] {
	case "serve":
		serve(os.Args[2:])
	case "get":
		get(os.Args[2:])
	case "load":
		load(os.Args[2:])
	case "dial":
		dial(os.Args[2:])
	case "hold":
		hold(os.Args[2:])
	default:
		fail("unknown command " + os.Args[1])
	}
}

func fail(message string) {
	fmt.Fprintln(os.Stderr, "echo: "+message)
	os.Exit(2)
}

// serve answers HTTP on -port with its host name, VERSION, the caller's address and the certificate header that a
// proxy added, -think after it was asked; it echoes lines on TCP on -tcp. It ends at SIGTERM as it is.
func serve(args []string) {
	flags := flag.NewFlagSet("serve", flag.ExitOnError)
	port := flags.Int("port", 8080, "HTTP port")
	tcp := flags.Int("tcp", 0, "TCP echo port, 0 for none")
	think := flags.Duration("think", 0, "before an answer of HTTP")
	flags.Parse(args)
	host, _ := os.Hostname()
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		time.Sleep(*think)
		w.Header().Set("Content-Type", "application/json")
		json.NewEncoder(w).Encode(map[string]string{
			"host": host, "version": os.Getenv("VERSION"), "path": r.URL.Path, "from": r.RemoteAddr,
			"clientCertificate": r.Header.Get("X-Forwarded-Client-Cert"),
		})
	})
	if *tcp != 0 {
		go echoLines(*tcp)
	}
	fail(http.ListenAndServe(fmt.Sprintf(":%d", *port), nil).Error())
}

func echoLines(port int) {
	listener, err := net.Listen("tcp", fmt.Sprintf(":%d", port))
	if err != nil {
		fail(err.Error())
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			fail(err.Error())
		}
		go func() {
			defer connection.Close()
			io.Copy(connection, connection)
		}()
	}
}

// get prints one answer of -url; ends with 1 when there is none within -patience or it is no 200.
func get(args []string) {
	flags := flag.NewFlagSet("get", flag.ExitOnError)
	url := flags.String("url", "", "what to ask")
	patience := flags.Duration("patience", 2*time.Second, "for the answer")
	flags.Parse(args)
	client := &http.Client{Timeout: *patience}
	response, err := client.Get(*url)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	io.Copy(os.Stdout, response.Body)
	if response.StatusCode != http.StatusOK {
		fmt.Println("status", response.StatusCode)
		os.Exit(1)
	}
}

// dial connects to -to by TCP and hangs up; ends with 1 when that fails within -patience.
func dial(args []string) {
	flags := flag.NewFlagSet("dial", flag.ExitOnError)
	to := flags.String("to", "", "host:port")
	patience := flags.Duration("patience", 2*time.Second, "for the connection")
	flags.Parse(args)
	connection, err := net.DialTimeout("tcp", *to, *patience)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	connection.Close()
}

// load sends -n requests to -url over -c connections and prints how many answers came from each version, as JSON;
// "error" counts those that failed or were no 200. With -times a second line says how long answers took.
func load(args []string) {
	flags := flag.NewFlagSet("load", flag.ExitOnError)
	url := flags.String("url", "", "what to ask")
	count := flags.Int64("n", 1000, "requests; 0: until -for has passed")
	lasting := flags.Duration("for", 0, "how long, with -n 0")
	parallel := flags.Int("c", 4, "connections")
	pause := flags.Duration("pause", 0, "between two requests of a connection")
	times := flags.Bool("times", false, "print the median and the 99th percentile of the times of answers")
	flags.Parse(args)
	client := &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{MaxIdleConnsPerHost: *parallel}}
	end := time.Now().Add(*lasting)
	var sent atomic.Int64
	var lock sync.Mutex
	counts := map[string]int{}
	reasons := map[string]int{}
	var took []time.Duration
	var group sync.WaitGroup
	for i := 0; i < *parallel; i++ {
		group.Add(1)
		go func() {
			defer group.Done()
			for {
				if *count > 0 && sent.Add(1) > *count || *count == 0 && time.Now().After(end) {
					return
				}
				asked := time.Now()
				version, err := ask(client, *url)
				lock.Lock()
				took = append(took, time.Since(asked))
				if err != nil {
					counts["error"]++
					reasons[err.Error()]++
				} else {
					counts[version]++
				}
				lock.Unlock()
				time.Sleep(*pause)
			}
		}()
	}
	group.Wait()
	for reason, times := range reasons {
		fmt.Fprintf(os.Stderr, "echo: %d times: %s\n", times, reason)
	}
	json.NewEncoder(os.Stdout).Encode(counts)
	if *times && len(took) > 0 {
		slices.Sort(took)
		json.NewEncoder(os.Stdout).Encode(map[string]int64{
			"p50Microseconds": took[len(took)/2].Microseconds(), "p99Microseconds": took[len(took)*99/100].Microseconds(),
		})
	}
}

func ask(client *http.Client, url string) (string, error) {
	response, err := client.Get(url)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	var body struct{ Version string }
	err = json.NewDecoder(response.Body).Decode(&body)
	io.Copy(io.Discard, response.Body)
	if response.StatusCode != http.StatusOK {
		return "", fmt.Errorf("status %d", response.StatusCode)
	}
	return body.Version, err
}

// hold keeps one TCP connection to -to open, sends a line every -every and prints "ok N" or the error that ended it.
func hold(args []string) {
	flags := flag.NewFlagSet("hold", flag.ExitOnError)
	to := flags.String("to", "", "host:port of a TCP echo server")
	every := flags.Duration("every", 100*time.Millisecond, "between two lines")
	patience := flags.Duration("patience", 2*time.Second, "for one answer")
	lasting := flags.Duration("for", time.Hour, "how long")
	flags.Parse(args)
	connection, err := net.DialTimeout("tcp", *to, *patience)
	if err != nil {
		fmt.Println("cannot connect:", err)
		os.Exit(1)
	}
	buffer := make([]byte, 64)
	end := time.Now().Add(*lasting)
	for n := 1; time.Now().Before(end); n++ {
		connection.SetDeadline(time.Now().Add(*patience))
		line := fmt.Sprintf("%d\n", n)
		if _, err = connection.Write([]byte(line)); err == nil {
			_, err = io.ReadFull(connection, buffer[:len(line)])
		}
		if err != nil {
			fmt.Println("cut:", err)
			os.Exit(1)
		}
		fmt.Println("ok", n)
		time.Sleep(*every)
	}
}
