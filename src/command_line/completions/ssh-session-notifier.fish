# fish completion for ssh-session-notifier; written by `ssh-session-notifier completions fish`.

complete -c ssh-session-notifier -f
complete -c ssh-session-notifier -n __fish_use_subcommand -l version -d 'show the version, the runtime, and where the runtime is from'
complete -c ssh-session-notifier -n __fish_use_subcommand -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a queue -d 'Record a session event; run by pam_exec at every login and logout.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from queue' -l state-dir -x -a '(__fish_complete_directories)' -d 'use instead of /var/lib/ssh-session-notifier; works only when run from source'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from queue' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a send -d 'Deliver pending notifications; run by systemd or cron.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from send' -l dry-run -d 'show what would be sent, and change nothing'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from send' -l report -d 'with --dry-run: show the report that would be sent now'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from send' -l verbose -d 'log each step to stderr'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from send' -l state-dir -x -a '(__fish_complete_directories)' -d 'use instead of /var/lib/ssh-session-notifier; works only when run from source'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from send' -l config -r -F -d 'use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from send' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a check -d 'Check the installation: files, PAM, configuration, scheduler, pending notifications.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from check' -l json -d 'print JSON'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from check' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a status -d 'Show pending and given-up notifications with their errors, and whether the alarm works.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from status' -l json -d 'print JSON'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from status' -l prometheus -d 'print metrics for node_exporter'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from status' -l state-dir -x -a '(__fish_complete_directories)' -d 'use instead of /var/lib/ssh-session-notifier; works only when run from source'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from status' -l config -r -F -d 'use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from status' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a history -d 'Show who logged in: when, from where, with which key, for how long, and what was unexpected.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l user -x -a '(__fish_complete_users)' -d 'show only this user'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l from -x -d 'show only this address or network, such as 203.0.113.7 or 2001:db8::/32'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l key -x -d 'show only this key, given as a fingerprint or by its name in the configuration'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l since -x -d 'start at a date, a date and time, or a time span before now, such as 7d'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l until -x -d 'end at a date, a date and time, or a time span before now'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l unexpected -d 'show only entries that are unexpected or were tampered with'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l limit -x -d 'show the newest <count> entries, or all (default: 100; with --json: all)'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l json -d 'print one JSON object per line'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l by -x -a 'user place key' -d 'show one line per user, place or key, with counts and the first and the last login (choices: "user", "place", "key")'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l heatmap -d 'show logins by weekday and hour, and by user, or as --by says'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l state-dir -x -a '(__fish_complete_directories)' -d 'use instead of /var/lib/ssh-session-notifier; works only when run from source'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -l config -r -F -d 'use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from history' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a explain -d 'Explain how a login would be handled: which rule matches, whether it is unexpected, which routes get it.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from explain' -l user -x -a '(__fish_complete_users)' -d 'the account that is logged in to'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from explain' -l ip -x -d 'the address of the client; without it, a login on the host itself'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from explain' -l key -x -d 'the key, given as a fingerprint or by its name in the configuration'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from explain' -l service -x -d 'the PAM service (default: "sshd")'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from explain' -l state-dir -x -a '(__fish_complete_directories)' -d 'use instead of /var/lib/ssh-session-notifier; works only when run from source'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from explain' -l config -r -F -d 'use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from explain' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a retry -d 'Retry given-up notifications, and make pending ones due now.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from retry' -l route -x -d 'retry only this route'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from retry' -l to -x -d 'move the notifications to this route, as from a route that is no longer configured'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from retry' -l state-dir -x -a '(__fish_complete_directories)' -d 'use instead of /var/lib/ssh-session-notifier; works only when run from source'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from retry' -l config -r -F -d 'use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from retry' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a test -d 'Send a test notification on every route, and show the result for each.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from test' -l state-dir -x -a '(__fish_complete_directories)' -d 'use instead of /var/lib/ssh-session-notifier; works only when run from source'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from test' -l config -r -F -d 'use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from test' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a repair -d 'Repair the queue database if it is damaged, without interrupting logins.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from repair' -l force -d 'replace the database even if it is not damaged'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from repair' -l state-dir -x -a '(__fish_complete_directories)' -d 'use instead of /var/lib/ssh-session-notifier; works only when run from source'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from repair' -s h -l help -d 'show this help'

complete -c ssh-session-notifier -n __fish_use_subcommand -a pam-edit -d 'Edit a PAM file as a filter, from standard input to standard output.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from pam-edit' -s h -l help -d 'show this help'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from pam-edit' -a 'add remove no-user-readenv includes'

complete -c ssh-session-notifier -n __fish_use_subcommand -a completions -d 'Print the completions for a shell.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from completions' -s h -l help -d 'show this help'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from completions' -a 'bash zsh fish'

complete -c ssh-session-notifier -n __fish_use_subcommand -a man -d 'Print a manual page.'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from man' -s h -l help -d 'show this help'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from man' -a '5 7 8'

complete -c ssh-session-notifier -n __fish_use_subcommand -a help -d 'show the help for a command'
complete -c ssh-session-notifier -n '__fish_seen_subcommand_from help' -a 'queue send check status history explain retry test repair pam-edit completions man help'
