/** What `pannier --help` says. */
export const HELP = `pannier - ask a Pannier cache server

Usage: pannier [options] COMMAND

Commands:
  get URL                  fetch through the cache; the body goes to standard output,
                           and why it was or was not cached to standard error
      -o, --output FILE    write the body to a file
      -i, --include        the head of the response too
      -L, --location       follow redirects
      -H, --header LINE    send a header, for example -H 'Accept: text/plain'
  stats                    counters of each server
  ls [TEXT]                entries, all or those whose key contains TEXT;
                           their keys with --json
      --limit N            at most N of them, default 1000
  purge [URL...]           have the servers and all proxies forget what is stored of
                           URLs, or of what these name; repeat them for several
      --tag TAG            what carries a tag in Surrogate-Key or Cache-Tag
      --prefix TEXT        what has a URL that begins so
      --scope NAME         all of an upstream, or all objects of a caller
      -d, --dataset NAME   a dataset, and the documents that it is made from
      --key KEY            one entry by its whole key, of which ls --json has all
      --soft               make it stale instead: to be revalidated, and good for
                           when the upstream fails
  dataset ls               declared datasets
  dataset show NAME        fields, partitions and version of a dataset
  dataset read NAME        its records, one JSON object a line
      -w, --where FIELD=TEXT     only records whose field is that string
      -w, --where FIELD:=JSON    ... is that number, true, false or null;
                           repeat it: of one field any, of several all
      -f, --fields A,B     only these fields
      --limit N            at most N records
      --version VERSION    of a version that is kept, instead of the current one
  dataset versions NAME    versions that are kept, and why one was put aside
  dataset diff NAME FROM [TO]
                           partitions, and records by their declared key, that differ
      --limit N            at most N records
  dataset pin|unpin NAME VERSION
                           keep a version, or let it go
  dataset rollback NAME VERSION
                           give readers an older version
  warm URL...              have URLs fetched before anybody asks for them; shows
                           how far that is, and ends when all is stored
      -d, --dataset NAME   have a dataset fetched and cut; repeat it for several
      -H, --header LINE    as the clients will send it, for example
                           -H 'Accept-Encoding: gzip'
      --no-wait            print the name of the job and end
      --job NAME           follow that job
  janitor                  remove what services that are gone, and datasets that
                           nobody declares any more, left in the store
      --dry-run            only list it
  types [NAME...]          TypeScript types of the datasets' records

Options:
  -s, --server HOST:PORT   or dns:///name:port; repeat it for several
                           (default 127.0.0.1:7070, or PANNIER_SERVER)
      --identity NAME      who to say that is asking
      --deadline TIME      for each call, default 10s
      --json               for programs: JSON on standard output
  -h, --help

Examples:
  pannier get http://127.0.0.1:7099/cities.json -o cities.json
  pannier dataset read cities --where country=CZ --limit 3
  pannier types > datasets.ts
  pannier ls cities
  pannier warm http://127.0.0.1:7099/cities.json --dataset cities
  pannier purge http://127.0.0.1:7099/cities.json
  pannier purge --tag cities --soft

Exit codes: 0 done, 1 failed, 2 the command line is wrong.
`;
