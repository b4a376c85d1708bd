# bash completion for ssh-session-notifier; written by `ssh-session-notifier completions bash`.

_ssh_session_notifier() {
  local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} command="" i
  COMPREPLY=()
  # bash treats the "=" in --flag=value as a word.
  if [[ $cur == '=' ]]; then
    cur=""
  elif [[ $prev == '=' ]]; then
    prev=${COMP_WORDS[COMP_CWORD - 2]}
  fi
  for ((i = 1; i < COMP_CWORD; i++)); do
    if [[ ${COMP_WORDS[i]} != -* ]]; then
      command=${COMP_WORDS[i]}
      break
    fi
  done
  case $command:$prev in
    queue:--state-dir)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    send:--state-dir)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    send:--config)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    status:--state-dir)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    status:--config)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    history:--user)
      mapfile -t COMPREPLY < <(compgen -u -- "$cur")
      return
      ;;
    history:--from)
      return
      ;;
    history:--key)
      return
      ;;
    history:--since)
      return
      ;;
    history:--until)
      return
      ;;
    history:--limit)
      return
      ;;
    history:--by)
      mapfile -t COMPREPLY < <(compgen -W 'user place key' -- "$cur")
      return
      ;;
    history:--state-dir)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    history:--config)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    explain:--user)
      mapfile -t COMPREPLY < <(compgen -u -- "$cur")
      return
      ;;
    explain:--ip)
      return
      ;;
    explain:--key)
      return
      ;;
    explain:--service)
      return
      ;;
    explain:--state-dir)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    explain:--config)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    retry:--route)
      return
      ;;
    retry:--to)
      return
      ;;
    retry:--state-dir)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    retry:--config)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    test:--state-dir)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
    test:--config)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -f -- "$cur")
      return
      ;;
    repair:--state-dir)
      compopt -o filenames
      mapfile -t COMPREPLY < <(compgen -d -- "$cur")
      return
      ;;
  esac
  case $command in
    "") mapfile -t COMPREPLY < <(compgen -W 'queue send check status history explain retry test repair pam-edit completions man help --version -h --help' -- "$cur") ;;
    queue) mapfile -t COMPREPLY < <(compgen -W '--state-dir -h --help' -- "$cur") ;;
    send) mapfile -t COMPREPLY < <(compgen -W '--dry-run --report --verbose --state-dir --config -h --help' -- "$cur") ;;
    check) mapfile -t COMPREPLY < <(compgen -W '--json -h --help' -- "$cur") ;;
    status) mapfile -t COMPREPLY < <(compgen -W '--json --prometheus --state-dir --config -h --help' -- "$cur") ;;
    history) mapfile -t COMPREPLY < <(compgen -W '--user --from --key --since --until --unexpected --limit --json --by --heatmap --state-dir --config -h --help' -- "$cur") ;;
    explain) mapfile -t COMPREPLY < <(compgen -W '--user --ip --key --service --state-dir --config -h --help' -- "$cur") ;;
    retry) mapfile -t COMPREPLY < <(compgen -W '--route --to --state-dir --config -h --help' -- "$cur") ;;
    test) mapfile -t COMPREPLY < <(compgen -W '--state-dir --config -h --help' -- "$cur") ;;
    repair) mapfile -t COMPREPLY < <(compgen -W '--force --state-dir -h --help' -- "$cur") ;;
    pam-edit) mapfile -t COMPREPLY < <(compgen -W 'add remove no-user-readenv includes -h --help' -- "$cur") ;;
    completions) mapfile -t COMPREPLY < <(compgen -W 'bash zsh fish -h --help' -- "$cur") ;;
    man) mapfile -t COMPREPLY < <(compgen -W '5 7 8 -h --help' -- "$cur") ;;
    help) mapfile -t COMPREPLY < <(compgen -W 'queue send check status history explain retry test repair pam-edit completions man help' -- "$cur") ;;
  esac
}

complete -F _ssh_session_notifier ssh-session-notifier
