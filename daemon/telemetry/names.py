"""Every metric's name, labels and help, once; docs/metrics.md is generated from this table.

Names follow Prometheus: vigild_<noun>_<unit>, counters end in _total.  Label values come from closed lists or from the
configuration's own names, never from events.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Outcome(StrEnum):
    """What became of a received event; together with those in flight they add up to all received."""

    MATCHED = "matched"
    UNMATCHED = "unmatched"
    DUPLICATE = "duplicate"
    REJECTED = "rejected"


class Settlement(StrEnum):
    """What a source was told about a delivery."""

    ACKNOWLEDGED = "acknowledged"
    RELEASED = "released"


class IntentOutcome(StrEnum):
    """How an intent (event, rule, target) became final."""

    DONE = "done"
    GROUPED = "grouped"  # kept in a group of alerts, which is told of as one
    PARKED = "parked"
    REFUSED = "refused"  # by policy, with a record of it
    DROPPED = "dropped"  # by the failure policy


class Withheld(StrEnum):
    """Why an alert was not sent, and is recorded instead."""

    SEVERITY = "severity"  # less than the target's `min_severity`
    SILENCE = "silence"
    MAINTENANCE = "maintenance"


class NoteState(StrEnum):
    """What a note about several alerts tells."""

    OPENED = "opened"  # the first of a group
    AGAIN = "again"  # more came since
    CLOSED = "closed"  # quiet for long enough
    SILENCE = "silence"  # what a silence that is over held back
    MAINTENANCE = "maintenance"  # what a window that is over held back


class LeaseChange(StrEnum):
    """What happened to the lease of a Kinesis shard, seen from here."""

    TAKEN = "taken"  # nobody had it, or its owner was dead
    ASKED = "asked"  # its owner has more than its share
    RECEIVED = "received"  # handed over to us
    HANDED_OVER = "handed_over"  # by us: at the stop, or because another asked
    LOST = "lost"  # taken from us
    ENDED = "ended"  # the shard is closed and settled to its end


class Stage(StrEnum):
    """Where time goes: label of the latency histogram."""

    SIFT = "sift"  # decode, dedupe and match of one batch
    CLAIM = "claim"  # one batch of claims in the state store
    EFFECT = "effect"  # one intent, first attempt to final, waits included
    SETTLE = "settle"  # one batch of acknowledgements


class StoredKind(StrEnum):
    """What stands in the state store: the closed list behind the metric label `kind`."""

    RECORD = "record"  # how far it has come
    APPROVAL = "approval"
    HOLD = "hold"
    EXPIRY = "expiry"  # when it is to be undone, or told as undone
    GROUP = "group"  # of alerts
    SILENCE = "silence"
    LEASE = "lease"  # on a shard
    COUNT = "count"  # of a budget, or of touches
    CLAIM = "claim"
    SESSION = "session"  # of a process


@dataclass(frozen=True, slots=True)
class Metric:
    """Name without the prefix, type, help and labels of one metric family."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = field(default=())


_SPAN = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 60.0, 600.0)
_AGE = (0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 21_600.0, 86_400.0)

METRICS = {
    metric.name: metric
    for metric in (
        Metric("build_info", "gauge", "1, labelled with the running version.", ("version",)),
        Metric("deliveries_received_total", "counter", "Messages, files or runs of lines received.", ("source",)),
        Metric(
            "deliveries_settled_total", "counter", "Deliveries given back to their source.", ("source", "settlement")
        ),
        Metric("received_bytes_total", "counter", "Bytes received, as delivered.", ("source",)),
        Metric("events_received_total", "counter", "Events that came out of deliveries.", ("source",)),
        Metric("events_settled_total", "counter", "Events whose outcome is final.", ("source", "outcome")),
        Metric("events_in_flight", "gauge", "Events received whose outcome is not final yet.", ("source",)),
        Metric("events_rejected_total", "counter", "Events that cannot be read, by reason.", ("source", "reason")),
        Metric("in_flight_bytes", "gauge", "Bytes of deliveries in hand, over all sources."),
        Metric("in_flight_limit_bytes", "gauge", "The limit at which sources stop receiving."),
        Metric(
            "backpressure_seconds_total", "counter", "Time receivers waited for room in the memory limits.", ("source",)
        ),
        Metric("event_age_seconds", "histogram", "Event's own time until its batch was matched.", ("source",), _AGE),
        Metric("stage_seconds", "histogram", "Time spent in each stage.", ("stage",), _SPAN),
        Metric("rule_matches_total", "counter", "Events that a rule matched, duplicates not counted.", ("rule",)),
        Metric("intents_total", "counter", "Intents that became final.", ("target", "outcome")),
        Metric("intents_in_flight", "gauge", "Intents claimed and not final yet.", ("target",)),
        Metric("intent_attempts_failed_total", "counter", "Attempts that failed, by kind.", ("target", "kind")),
        Metric("alerts_withheld_total", "counter", "Alerts recorded and not sent, by reason.", ("target", "reason")),
        Metric(
            "alert_notes_total",
            "counter",
            "Notes about several alerts, by what they tell.",
            ("target", "state", "outcome"),
        ),
        Metric(
            "alert_note_faults_total", "counter", "Groups that could not be told of and are tried again.", ("target",)
        ),
        Metric("alert_groups", "gauge", "Groups of alerts kept in the state store, over all processes.", ("target",)),
        Metric("alerts_ungrouped_total", "counter", "Alerts sent by themselves where a group failed.", ("target",)),
        Metric("alert_groups_stranded_total", "counter", "Groups found whose target is gone."),
        Metric("silences_ended_total", "counter", "Silences of alerts that are over."),
        Metric("actions_total", "counter", "Actions that came to an end, by how.", ("action", "ending")),
        Metric(
            "actions_stopped_total",
            "counter",
            "Actions that were refused, declined or failed, by reason.",
            ("action", "ending", "reason"),
        ),
        Metric("undo_failed_total", "counter", "Actions that could not be undone after their time."),
        Metric("undo_held_total", "counter", "Undos due that wait until a hold is lifted."),
        Metric("state_items_unreadable_total", "counter", "Items of the state store not readable.", ("kind",)),
        Metric("rules_suspended_total", "counter", "Suspensions of a rule by the loop breaker.", ("rule",)),
        Metric("derived_refused_total", "counter", "Events of our own refused for being derived too often."),
        Metric(
            "target_suspended",
            "gauge",
            "1 while a target is not called, only tried; 0 once its next try is due and nothing waits for it.",
            ("target",),
        ),
        Metric("target_suspensions_total", "counter", "Times a target's breaker opened, by cause.", ("target", "kind")),
        Metric("state_away", "gauge", "1 while the state store counts as away."),
        Metric("intents_unclaimed_total", "counter", "Intents that went ahead while state was away.", ("target",)),
        Metric("intents_overrun_total", "counter", "Intents taken over before they were confirmed.", ("target",)),
        Metric("session_lapses_total", "counter", "Times the session was renewed too late."),
        Metric("rejections_dropped_total", "counter", "Rejected events that the policy drops.", ("source",)),
        Metric("dead_letters_total", "counter", "Events and intents parked, by where they came from.", ("place",)),
        Metric("parking_failed_total", "counter", "Failed attempts to park a dead letter.", ("place",)),
        Metric("source_ready", "gauge", "1 while the source reaches what it reads.", ("source",)),
        Metric("source_errors_total", "counter", "Failed calls of a source, by kind.", ("source", "kind")),
        Metric("visibility_extended_total", "counter", "SQS messages kept invisible while in work.", ("source",)),
        Metric("visibility_expired_total", "counter", "SQS messages that became visible while in work.", ("source",)),
        Metric("messages_repeated_total", "counter", "SQS messages that came again while in work.", ("source",)),
        Metric("acknowledgements_lost_total", "counter", "Finished SQS messages that SQS kept.", ("source",)),
        Metric("kinesis_leases_held", "gauge", "Kinesis shards that this process reads.", ("source",)),
        Metric("kinesis_leases_moved_total", "counter", "Leases of Kinesis shards that moved.", ("source", "change")),
        Metric(
            "kinesis_behind_latest_seconds",
            "gauge",
            "How far the worst Kinesis shard read here is behind its end (MillisBehindLatest).",
            ("source",),
        ),
        Metric("kinesis_iterators_expired_total", "counter", "Shard iterators made anew.", ("source",)),
        Metric("kinesis_reads_throttled_total", "counter", "Reads of Kinesis shards that AWS refused.", ("source",)),
        Metric("kinesis_shards_vanished_total", "counter", "Kinesis shards gone before their end.", ("source",)),
        Metric("state_errors_total", "counter", "Calls of the state store that failed."),
        Metric("rules_loaded", "gauge", "Rules in force."),
        Metric(
            "secret_refreshes_total",
            "counter",
            "Secrets in AWS that were found changed, or not read.",
            ("result",),
        ),
        Metric("reloads_total", "counter", "Reloads of the rules, by result.", ("result",)),
        Metric("loop_stall_seconds", "histogram", "How late the event loop woke up.", (), _SPAN),
    )
}
