// Every counter that a stage adds to (stats.ts), and what it counts. The one place: docs/metrics.md is made from it, and a test
// holds it against the source. A counter's label is what its stage gives as the reason. Read by counters.ts.

/** replay serves no metrics. */
export type Program = 'agent' | 'ship' | 'hub' | 'replay';

export interface StageCounter {
  readonly help: string;
  /** What its reason is. */
  readonly label?: string;
  /** Who counts it. Default: by its first word; correlate, detect, enrich and journal count in the agent. */
  readonly programs?: readonly Program[];
}

const READERS: readonly Program[] = ['agent', 'ship'];
/** The hub passes on by the shipper's lanes. */
const SHIPPERS: readonly Program[] = ['ship', 'hub'];

function by(label: string, help: string): StageCounter {
  return { help, label };
}

function byOutput(help: string): StageCounter {
  return { help, label: 'output', programs: SHIPPERS };
}

/** Text: what it counts, without a label. */
export const STAGE_COUNTERS: Readonly<Record<string, string | StageCounter>> = {
  agent_alerts_dropped_total: by(
    'reason',
    'Alerts given up: the journal refused them until memory ran out, or could never take them.',
  ),
  agent_alerts_journalled_total: 'Alerts that are durable in the journal.',
  agent_alerts_refused_total: 'Times the journal refused an alert; it is tried again.',
  agent_alerts_undecodable_total:
    'Alerts and amends of the journal that could not be read when state was restored at start.',
  agent_alerts_unshown_total: 'Alerts in the journal that could not be printed.',
  agent_amends_dropped_total: by('reason', 'Amends of alerts that were not journalled.'),
  agent_amends_journalled_total:
    'Amends of alerts (hashes that came later, suppressed repeats) that are in the journal.',
  agent_canaries_failed_total: 'Canaries that could not be run.',
  agent_canaries_missed_total: 'Canaries that ran and that the sensor did not show.',
  agent_canaries_seen_total: 'Canaries that the sensor showed.',
  agent_canary_execs_skipped_total: 'Execs of canaries, which no rule sees.',
  agent_file_looks_cut_total: 'Of those, looks that did not get to all files: there are too many.',
  agent_file_looks_total: 'Times the agent looked at all files that decide what it does.',
  agent_heartbeats_journalled_total: 'Heartbeats that are in the journal.',
  agent_heartbeats_refused_total: 'Heartbeats that the journal refused.',
  agent_leaders_unsaved_total: 'Times leaders.json could not be written.',
  agent_notices_refused_total:
    'Records about the agent itself (gaps, clock steps) that the journal refused; they are tried again.',
  agent_protection_findings_total: by('rule_id', 'What the agent found out about itself, by the rule of its alert.'),
  agent_recordings_failed_total: 'Recordings that ended because they could not be written.',
  agent_snapshots_failed_total: 'Times status.json could not be written.',
  correlate_combinations_skipped_total:
    'Combinations of values (`by`, conditions about earlier events) that were not looked at: an event had too many.',
  correlate_joins_evicted_total: by(
    'reason',
    'Sequences and samples in progress given up: full (more than the limit of a rule), age (without maxspan, and too old).',
  ),
  correlate_rules_evicted_total: by('rule_id', 'The same, by rule.'),
  detect_alerts_capped_total: 'Alerts not made beyond max_signals of their rule; the next alert tells how many.',
  detect_alerts_held_back_total: by('reason', 'Alerts not made beyond the byte rate, by the rate that was exceeded.'),
  detect_alerts_learned_total: 'New terms that made no alert, as their rule still learns.',
  detect_alerts_made_total: 'Alerts that rules made.',
  detect_alerts_suppressed_total: 'Alerts not made, but counted in an open one (alert_suppression).',
  detect_combinations_skipped_total:
    'Combinations of values (new_terms_fields, threshold) that were not looked at: an event had too many.',
  detect_databases_damaged_total: 'Times the history of new_terms rules was damaged at start, and a new one was begun.',
  detect_evaluations_cut_total:
    'Evaluations of a predicate over several fields that did not look at all combinations of their values: there were too many.',
  detect_events_evaluated_total: 'Events that went through the rules.',
  detect_events_excepted_total: by('item_id', 'Matches that an exception hid, by its item_id.'),
  detect_events_matched_total: 'Matches of rules, before exceptions, new terms and limits.',
  detect_events_skipped_total: by(
    'reason',
    'Matches of new_terms rules without a term, and of threshold rules without a group.',
  ),
  detect_groups_evicted_total: by(
    'reason',
    'Groups of threshold rules and of suppression forgotten, as there were too many.',
  ),
  detect_hash_waits_cut_total: 'Events that waited for a hash and went on without it, as too many waited.',
  detect_hash_waits_total: 'Events that waited for a hash, once for each rule.',
  detect_joins_dropped_total: 'Sequences and samples in progress whose rule was changed or taken out at a reload.',
  detect_rule_errors_total: 'Evaluations that failed: that rule gave no verdict on that event.',
  detect_rules_evaluated_total: 'Evaluations of a rule on an event; those on sketches of events apart.',
  detect_rules_undecided_total: 'Evaluations decided without a hash that did not come.',
  detect_terms_evicted_total: 'Terms forgotten because the history of their rule was full.',
  detect_terms_flush_failed_total: 'Times the history of new_terms rules could not be saved.',
  detect_tracked_evicted_total: 'Processes forgotten whose descendants a rule looks for, as there were too many.',
  detect_values_skipped_total: 'Values that found no room where the cardinality of a threshold counts them.',
  enrich_exits_missed_total: 'Processes found to have ended without a record of it.',
  enrich_exits_unknown_total: 'Exits of processes that were not known.',
  enrich_forks_missed_total: 'Processes whose first record was not their fork.',
  enrich_hashes_asked_total: 'Files to be hashed.',
  enrich_hashes_known_total: 'Hashes taken from an earlier answer about the same file.',
  enrich_hashes_late_total: 'Hashes that came too late for what waited for them.',
  enrich_hashes_made_total: 'Hashes made.',
  enrich_hashes_refused_total: by('reason', 'Hashes that could not be made.'),
  enrich_images_corrected_total: 'Processes found to run another file than was known: read from /proc.',
  enrich_leader_files_damaged_total: 'leaders.json that could not be read at start.',
  enrich_leaders_refused_total: 'Leaders of leaders.json that were not taken up.',
  enrich_leaders_restored_total: 'Leaders taken up from leaders.json.',
  enrich_leaders_unsaved_total: 'Leaders that found no room in leaders.json.',
  enrich_name_loads_failed_total: 'Times the names of users and groups could not be read.',
  enrich_name_lookups_dropped_total: by('reason', 'Names of users and groups that were not asked for.'),
  enrich_name_lookups_failed_total: by('error', 'Times getent could not be run, or did not answer in time.'),
  enrich_processes_adopted_total: 'Processes that a record named and nothing had told of: read from /proc.',
  enrich_processes_evicted_total: by('reason', 'Processes pushed out of the full process table.'),
  enrich_processes_read_total: 'Processes read from /proc.',
  enrich_processes_unreadable_total: 'Processes that could not be read from /proc.',
  enrich_tasks_superseded_total: 'Processes of the pass at start that newer records knew better.',
  journal_batches_committed_total: 'Syncs of the journal, each for all that waited.',
  journal_damages_found_total: 'Damaged regions found at start.',
  journal_damages_quarantined_total: 'Damaged regions copied to quarantine.',
  journal_damages_read_total: { help: 'Damaged regions that a reader went past.', programs: READERS },
  journal_marks_failed_total: 'Times the commit mark could not be written.',
  journal_quarantines_failed_total: 'Damaged regions that could not be copied to quarantine.',
  journal_records_committed_total: 'Records that are durable.',
  journal_records_expired_total: by('reason', 'Records dropped by retention: delivered, or undelivered (a loss).'),
  journal_records_refused_total: by('reason', 'Records refused: the queue was full, or they could not be written.'),
  journal_records_rewritten_total: 'Records written again into a new segment after a failed write or sync.',
  journal_records_skipped_total: {
    help: 'Records of a kind that this version does not know.',
    label: 'reason',
    programs: READERS,
  },
  journal_records_unsure_total: 'Records found at start that nobody was told are durable.',
  journal_removals_failed_total: 'Old segments that could not be removed.',
  journal_seals_failed_total: 'Segments that could not be sealed.',
  journal_segments_begun_total: 'Segments begun.',
  journal_segments_poisoned_total: 'Segments given up after a failed write or sync.',
  journal_torn_bytes_cut_total: 'Bytes of unfinished records cut off at start.',
  journal_writes_failed_total: by('reason', 'Writes and syncs that failed: full or fault.'),
  replay_questions_unanswered_total: 'Questions of enrichment that a recording has no answer to.',
  ship_batches_sent_total: byOutput('Batches sent.'),
  ship_batches_split_total: byOutput('Batches split, as the endpoint found them too large.'),
  ship_faults_total: byOutput('Faults of our own while sending.'),
  ship_holds_total: byOutput('Answers after which somebody has to act; tried again after the longest pause.'),
  ship_lanes_failed_total: byOutput('Times an output began again after a fault.'),
  ship_records_delivered_total: byOutput('Records acknowledged.'),
  ship_records_duplicate_total: byOutput('Records acknowledged that the endpoint had before.'),
  ship_records_missing_total: byOutput(
    'Records that were gone from the journal (expired, damaged) before the output had them.',
  ),
  ship_records_passed_total: byOutput('Records that the output does not take (its kind, severity).'),
  ship_records_rejected_total: byOutput('Records that became dead letters.'),
  ship_resends_failed_total: byOutput(
    'Dead letters that could not be sent again, or not removed after that; tried every 2 s.',
  ),
  ship_retries_total: byOutput('Answers after which it is tried again.'),
  ship_scrapes_answered_total: {
    help: 'Requests for metrics and health, by status.',
    label: 'status',
    programs: SHIPPERS,
  },
  ship_snapshots_failed_total: { help: 'Times status.json could not be written.', programs: SHIPPERS },
  hub_alerts_foreign_total: 'Alerts that name another host than the one that sent them.',
  hub_alerts_repeated_total: 'Alerts that another record had brought before.',
  hub_batches_failed_total: 'Batches that could not be stored.',
  hub_forks_seen_total: 'Batches refused because two hosts wrote one journal.',
  hub_records_expired_total: by('reason', 'Records dropped by retention.'),
  hub_records_expired_unforwarded_total: 'Of those, records that an output had not got yet.',
  hub_records_repeated_total: 'Records sent again that were stored before.',
  hub_records_stored_total: 'Records stored.',
  hub_records_undecodable_total: 'Records stored whose content could not be read.',
  hub_requests_answered_total: by('result', 'Requests of hosts, by answer.'),
  hub_retentions_failed_total: 'Times old records could not be dropped.',
};
