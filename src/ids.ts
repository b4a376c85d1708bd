// The ids of all findings of `check` and of all errors. They stay the same when wording changes, so scripts and the
// manual can rely on them. Imports nothing; tests/ids.test.ts compares the numbers with the code.

/** Every id with its meaning; for a finding that can also pass, with what is checked. The area comes before the dot. */
export const IDS = {
  "check.not-inspected": "A part of the installation could not be examined; the message quotes its name.",

  "binary.setgid":
    "Whether the setgid bit of the binary has an effect, so that the loader ignores `LD_PRELOAD` at a login.",
  "binary.setgid-unknown": "This process cannot tell whether the setgid bit of the binary has an effect.",

  "files.modes": "All files and directories have the owners and modes that they were installed with.",
  "files.missing": "A file or directory that `install.sh` creates does not exist.",
  "files.run-missing": "A file or directory in `/run` that `install.sh` creates does not exist.",
  "files.wrong-kind": "A path that must be a file or a directory is something else.",
  "files.wrong-owner": "A file or directory has the wrong user or group.",
  "files.wrong-mode": "A file or directory has the wrong mode.",
  "files.root-owned": "`queue/` or `send/` belongs to root.",
  "files.shared-user": "`queue/` and `send/` have the same user, so `send` could stop logins.",
  "files.shared-group": "`queue/` and `send/` have the same group, so the hook could read the configuration.",
  "files.state-closed": "The mode of the state directory keeps the hook out of `queue/`.",

  "users.accounts": "Both system users exist and own their directories.",
  "users.user-missing": "A system user does not exist.",
  "users.group-missing": "The group of a system user does not exist.",
  "users.not-owner": "`queue/` or `send/` does not belong to its system user.",
  "users.not-member": "The user of `send` is not in the group of `queue/`, so `send` cannot read the queue.",
  "users.send-unusable": "The command cannot become the user of `send`.",
  "users.queue-unusable": "The command cannot become the user of `queue`.",

  "pam.include-missing": "A PAM file includes another one that cannot be read, so PAM refuses logins.",
  "pam.hook-missing": "The hook is not in the session stack of a service, so no login is recorded.",
  "pam.hook-twice": "The hook is in the session stack of a service more than once.",
  "pam.hook-killable": "The user that runs `su` can end the hook, because its PAM line lacks `seteuid`.",
  "pam.hook-included": "The hook is included from a file; without that file, PAM would refuse every login.",
  "pam.hook-command": "The PAM line of the hook runs another program or command.",
  "pam.hook-required": "A hook that fails would refuse the login, because its PAM line is not optional.",
  "pam.hook-not-quiet": "A hook that fails is shown to the user, because its PAM line lacks `quiet`.",
  "pam.hook-gets-password": "The hook receives passwords, because its PAM line has `expose_authtok`.",
  "pam.hook-skipped": "A PAM line can skip the hook.",
  "pam.hook-order":
    "Whether the hook is the first module of the session stack; a fault if it comes after `pam_env` or `pam_limits`.",
  "pam.hook-retry": "Whether the hook is tried again without `SSH_AUTH_INFO_0`, which can be too long for the kernel.",
  "pam.last-resort": "The last resort records a login for which the hook cannot start.",
  "pam.last-resort-missing": "A login for which the hook cannot start is not recorded.",
  "pam.last-resort-unsafe": "The last resort can load a user's library as root.",
  "pam.last-resort-required": "A last resort that fails would refuse the login, because its PAM line is not optional.",
  "pam.cleanup": "The last PAM line of the session unsets harmful variables before the logout.",
  "pam.cleanup-missing": "No PAM line unsets harmful variables before the logout.",
  "pam.cleanup-early": "`pam_env` can set variables after the line that unsets harmful ones.",
  "pam.cleanup-skipped": "A PAM line can skip the line that unsets harmful variables.",
  "pam.user-environment": "Whether users can set PAM's environment (`user_readenv=1`).",
  "pam.not-understood":
    "`pam-edit` cannot read a PAM file, or cannot edit it without changing what its other lines do.",

  "limits.values": "Whether limits of `pam_limits` prevent the hook from starting at the logout.",
  "limits.own-file": "`pam_limits` reads limits from a file that `check` does not read.",

  "sshd.config-missing": "`sshd_config` does not exist.",
  "sshd.include-unread": "`sshd_config` includes a file that `check` may not read.",
  "sshd.use-pam": "Whether sshd uses PAM (`UsePAM`).",
  "sshd.pam-service": "sshd uses another PAM service (`PAMServiceName`).",

  "selinux.module": "The SELinux policy has the module that lets login programs record sessions.",
  "selinux.module-missing":
    "SELinux enforces, now or after the next boot, without the module that lets login programs record sessions.",
  "selinux.policy-name": "`/etc/selinux/config` has an invalid policy name.",
  "selinux.labels": "Whether files have the labels of the SELinux policy.",
  "selinux.labels-unknown": "`restorecon` does not run, so the labels of the files are unknown.",

  "scheduler.missing": "Neither systemd nor cron is set up to run `send`.",
  "scheduler.unit-missing": "A systemd unit of this program does not exist.",
  "scheduler.unit-replaced":
    "A systemd unit in `/etc/systemd/system` replaces the installed one, so that upgrades do not change it.",
  "scheduler.timer": "Whether the systemd timer, which runs `send` every minute, is enabled.",
  "scheduler.path": "Whether the systemd path unit, which runs `send` right after a login, is enabled.",
  "scheduler.cron": "cron is set up to run `send`.",
  "scheduler.cron-missing": "The crontab runs `send`, but cron is not installed.",
  "scheduler.cron-line": "No line of `/etc/cron.d/ssh-session-notifier` runs `send`.",
  "scheduler.never-run": "No run of `send` has ended yet.",
  "scheduler.last-run":
    "Whether `send` runs; a fault if its last run ended more than 15 minutes plus `run_deadline_seconds` ago.",

  "config.valid": "The configuration is valid.",
  "config.missing": "The configuration does not exist.",
  "config.not-readable": "This user may not read the configuration.",
  "config.outside-sandbox":
    "The configuration is outside `/etc/ssh-session-notifier`, the only directory that the program may read.",
  "config.not-a-file": "The configuration is not a plain file, or is larger than 1 MiB.",
  "config.not-utf8": "The configuration is not UTF-8 text.",
  "config.read-error": "The operating system reports an error while the configuration is read.",
  "config.syntax": "The configuration is not valid TOML.",
  "config.unknown-key": "The configuration has an unknown key.",
  "config.missing-key": "The configuration lacks a key.",
  "config.wrong-type": "A key has a value of the wrong type.",
  "config.wrong-value": "A key has a value that is not allowed.",
  "config.conflicting-keys": "A key cannot be used together with another one, or without it.",
  "config.file-unusable": "A file that the configuration names cannot be read, or has the wrong content.",
  "config.file-not-readable": "The user of `send` cannot read a file that the configuration names.",
  "config.secret-exposed": "Every user of this host can read a file with a secret.",
  "config.heartbeat-plain": "The heartbeat uses plain HTTP.",
  "config.placeholder": "A key still has the value of an example.",
  "config.rule-expired": "A rule of the allowlist has expired.",

  "place.database": "A place database can be used.",
  "place.database-missing": "A place database that the configuration names does not exist.",
  "place.database-unusable": "A place database cannot be read, is damaged, or has neither countries nor operators.",
  "place.database-old": "A place database was built more than 60 days ago.",

  "disk.read-only": "The file system of the state directory is mounted read-only.",
  "disk.room":
    "Whether the disk has room; a warning below 64 MiB, a fault below 1 MiB or 10 files, when nothing can be stored.",

  "queue.not-readable": "The queue database cannot be read.",
  "queue.read-only": "The file system of the queue or of its spool is mounted read-only.",
  "queue.unavailable":
    "The queue or its spool cannot be read now, for example because the disk is full; no event is lost.",
  "queue.damaged-unread": "`send` could not read all of a damaged queue database that `repair` moved aside.",
  "spool.not-readable": "The spool of the queue cannot be read.",

  "delivery.unread": "Whether `send` reads the queue; a fault if an event has been unread for more than 5 minutes.",
  "delivery.spool-unread": "An event in the spool has been unread for more than 5 minutes.",
  "delivery.spooled": "Events are in the spool, because the queue database refused them.",
  "delivery.no-login": "No login has been recorded yet.",
  "delivery.none-yet": "No notification has been delivered on a route yet.",
  "delivery.last": "When a route last delivered a notification.",
  "delivery.setting": "A route works, but its settings are unsafe.",
  "delivery.waiting": "Notifications are pending on a route, none of them for more than 15 minutes.",
  "delivery.overdue": "A notification has been pending on a route for more than 15 minutes.",
  "delivery.failing": "The last attempt on a route failed; `send` tries again.",
  "delivery.broken": "A service refuses the settings of a route, or its messages.",
  "delivery.given-up": "Notifications on a route were given up.",
  "delivery.route-removed": "Notifications are pending on a route that is no longer in the configuration.",

  "hook.last-resort": "The last resort recorded no login in the last 24 hours.",
  "hook.did-not-run": "The hook could not run at a login in the last 24 hours, or at one that `send` has not read yet.",
  "hook.record-full":
    "The record of logins for which the hook could not run is full (1 MiB), so later logins are missing.",
  "hook.record-unusable": "The record of logins for which the hook could not run cannot be examined.",
  "hook.run-spooled": "Events are in `/run`, because the disk of the queue could not store them.",
  "hook.run-spool-unusable": "The spool in `/run` cannot be examined.",

  "store.unavailable": "The store cannot be used now: its disk is full or fails, or another process has locked it.",
  "store.refused": "The operating system refuses access to the store.",
  "store.outside-sandbox": "The store is a symbolic link, or in a directory that is one.",
  "store.newer": "A newer version of this program created the store.",
  "store.foreign": "The store is not a plain file, or has tables that are not ours.",
  "store.damaged": "The store is damaged.",
  "store.backup-failing": "The last run of `send` could not make the daily backup of the store.",

  "state.missing": "The state directory does not exist.",
  "state.unusable": "The state directory cannot be used.",
  "send.as-root": "`send` must not run as root.",
  "send.no-worker": "The Worker that makes HTTP requests did not start.",
  "command.not-permitted": "This user may not run the command.",
  "command.has-groups":
    "The command does not become another user, because it would keep the supplementary groups of root.",
  "command.keeps-groups": "The command cannot start a child process without the supplementary groups of root.",
  "usage.wrong-value": "An option has a value that is not allowed.",
  "retry.unknown-route": "`retry` does not know the route.",
  "retry.same-route": "`retry` cannot move notifications from a route to itself.",
  "repair.running": "Another `repair` is running.",
  "repair.queue-locked": "Another process has locked the queue database, so `repair` cannot examine it.",
  "repair.lock-unusable": "The lock of `repair` is not a plain file.",
  "repair.disk-full": "`repair` needs room on the disk.",
  "repair.read-only": "`repair` cannot work on a read-only file system.",
  "repair.read-error": "The disk reports an error during `repair`.",
  "repair.refused": "The operating system refuses a change that `repair` must make.",
  "output.not-writable": "Standard output cannot be written.",
} as const satisfies Record<`${string}.${string}`, string>;

/** One of {@link IDS}. */
export type Id = keyof typeof IDS;

type AreaOf<I> = I extends `${infer A}.${string}` ? A : never;

/** The part of an id before the dot. */
export type Area = AreaOf<Id>;
