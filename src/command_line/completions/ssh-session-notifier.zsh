#compdef ssh-session-notifier
# Written by `ssh-session-notifier completions zsh`.

_ssh-session-notifier() {
  local context state state_descr line curcontext="$curcontext"
  typeset -A opt_args
  local -a commands=(
    'queue:Record a session event; run by pam_exec at every login and logout.'
    'send:Deliver pending notifications; run by systemd or cron.'
    'check:Check the installation: files, PAM, configuration, scheduler, pending notifications.'
    'status:Show pending and given-up notifications with their errors, and whether the alarm works.'
    'history:Show who logged in: when, from where, with which key, for how long, and what was unexpected.'
    'explain:Explain how a login would be handled: which rule matches, whether it is unexpected, which routes get it.'
    'retry:Retry given-up notifications, and make pending ones due now.'
    'test:Send a test notification on every route, and show the result for each.'
    'repair:Repair the queue database if it is damaged, without interrupting logins.'
    'pam-edit:Edit a PAM file as a filter, from standard input to standard output.'
    'completions:Print the completions for a shell.'
    'man:Print a manual page.'
    'help:show the help for a command'
  )
  _arguments -C \
    '(- *)--version[show the version, the runtime, and where the runtime is from]' \
    '(- *)'{-h,--help}'[show this help]' \
    '1: :->command' \
    '*:: :->arguments'
  case $state in
    command) _describe -t commands command commands ;;
    arguments)
      curcontext="${curcontext%:*:*}:ssh-session-notifier-$line[1]:"
      case $line[1] in
        queue)
          _arguments \
            '--state-dir=[use instead of /var/lib/ssh-session-notifier; works only when run from source]:dir:_files -/' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        send)
          _arguments \
            '--dry-run[show what would be sent, and change nothing]' \
            '--report[with --dry-run: show the report that would be sent now]' \
            '--verbose[log each step to stderr]' \
            '--state-dir=[use instead of /var/lib/ssh-session-notifier; works only when run from source]:dir:_files -/' \
            '--config=[use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory]:file:_files' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        check)
          _arguments \
            '--json[print JSON]' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        status)
          _arguments \
            '--json[print JSON]' \
            '--prometheus[print metrics for node_exporter]' \
            '--state-dir=[use instead of /var/lib/ssh-session-notifier; works only when run from source]:dir:_files -/' \
            '--config=[use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory]:file:_files' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        history)
          _arguments \
            '--user=[show only this user]:user:_users' \
            '--from=[show only this address or network, such as 203.0.113.7 or 2001:db8::/32]:network: ' \
            '--key=[show only this key, given as a fingerprint or by its name in the configuration]:key: ' \
            '--since=[start at a date, a date and time, or a time span before now, such as 7d]:when: ' \
            '--until=[end at a date, a date and time, or a time span before now]:when: ' \
            '--unexpected[show only entries that are unexpected or were tampered with]' \
            '--limit=[show the newest <count> entries, or all (default: 100; with --json: all)]:count: ' \
            '--json[print one JSON object per line]' \
            '--by=[show one line per user, place or key, with counts and the first and the last login (choices: "user", "place", "key")]:what:(user place key)' \
            '--heatmap[show logins by weekday and hour, and by user, or as --by says]' \
            '--state-dir=[use instead of /var/lib/ssh-session-notifier; works only when run from source]:dir:_files -/' \
            '--config=[use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory]:file:_files' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        explain)
          _arguments \
            '--user=[the account that is logged in to]:user:_users' \
            '--ip=[the address of the client; without it, a login on the host itself]:address: ' \
            '--key=[the key, given as a fingerprint or by its name in the configuration]:key: ' \
            '--service=[the PAM service (default: "sshd")]:name: ' \
            '--state-dir=[use instead of /var/lib/ssh-session-notifier; works only when run from source]:dir:_files -/' \
            '--config=[use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory]:file:_files' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        retry)
          _arguments \
            '--route=[retry only this route]:route: ' \
            '--to=[move the notifications to this route, as from a route that is no longer configured]:route: ' \
            '--state-dir=[use instead of /var/lib/ssh-session-notifier; works only when run from source]:dir:_files -/' \
            '--config=[use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory]:file:_files' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        test)
          _arguments \
            '--state-dir=[use instead of /var/lib/ssh-session-notifier; works only when run from source]:dir:_files -/' \
            '--config=[use instead of /etc/ssh-session-notifier/config.toml; the binary can read only files below the same directory]:file:_files' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        repair)
          _arguments \
            '--force[replace the database even if it is not damaged]' \
            '--state-dir=[use instead of /var/lib/ssh-session-notifier; works only when run from source]:dir:_files -/' \
            '(- *)'{-h,--help}'[show this help]'
          ;;
        pam-edit)
          _arguments \
            '(- *)'{-h,--help}'[show this help]' \
            '1:action:(add remove no-user-readenv includes)'
          ;;
        completions)
          _arguments \
            '(- *)'{-h,--help}'[show this help]' \
            '1:shell:(bash zsh fish)'
          ;;
        man)
          _arguments \
            '(- *)'{-h,--help}'[show this help]' \
            '1:section:(5 7 8)'
          ;;
        help)
          _arguments \
            '1:command:(queue send check status history explain retry test repair pam-edit completions man help)'
          ;;
      esac
      ;;
  esac
}

# When autoloaded from $fpath, this file is the function and runs it; when sourced, it registers the function.
if [[ $funcstack[1] == _ssh-session-notifier ]]; then
  _ssh-session-notifier "$@"
else
  compdef _ssh-session-notifier ssh-session-notifier
fi
