"""How a program like this one fails, in a sentence each, and the tests that would notice."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path
from typing import Final

import pytest

HERE: Final = Path(__file__).parent

FAILURES: Final[dict[str, tuple[str, ...]]] = {
    # -- an order twice, or lost
    "Look-ups made before the deadline call an order absent that arrives after them": (
        "execution/test_reconcile.py::test_an_order_that_never_arrived_is_absent_only_after_window_and_margin",
        "storage/test_absence.py::test_without_one_piece_there_is_no_proof_and_the_refusal_names_it",
        "storage/test_model.py::test_without_one_rule_something_breaks",
    ),
    "An order that filled at once is missing among the open ones, and is called absent": (
        "execution/test_reconcile.py::test_look_ups_that_lag_prove_nothing_while_a_listing_shows_the_order",
        "exchange/test_clients.py::test_listings_are_read_to_the_last_page_each_row_once",
        "storage/test_absence.py::test_listings_reach_an_hour_behind_the_signing",
    ),
    "Another account or another exchange is asked for the order, and does not have it": (
        "execution/test_reconcile.py::test_another_key_or_another_exchange_can_find_but_never_prove_absence",
        "execution/test_sweep.py::test_a_vault_keeps_to_the_exchange_it_first_met",
    ),
    "An order that turns up after it was called absent, refused or settled finds no way back into the vault": (
        "storage/test_evidence.py::test_late_evidence_reopens_halts_and_alerts",
        "execution/test_reconcile.py::test_an_order_that_appears_after_it_was_proven_absent_halts_and_alerts",
        "storage/test_absence.py::test_evidence_against_a_verdict_moves_it_and_alerts",
    ),
    "A proposal expires or is declined while its order is being sent, and the answer can no longer be stored": (
        "storage/test_evidence.py::test_a_settle_whose_proposal_cannot_move_still_stores_the_evidence",
        "storage/test_transitions.py::test_raw_sql_moves_a_proposal_along_the_table_and_no_other_way",
        "storage/test_transitions.py::test_a_proposal_without_an_execution_cannot_be_claimed",
    ),
    "The table of transitions forbids what an exchange can answer": (
        "storage/test_evidence.py::test_every_status_moves_every_state_to_the_truth_and_never_backward",
        "storage/test_transitions.py::test_the_database_holds_exactly_the_legal_transitions",
        "storage/test_model.py::test_without_one_transition_something_breaks",
    ),
    "A process dies between claim and send, and its claim counts for ever": (
        "storage/test_executions.py::test_a_claim_older_than_ten_seconds_or_from_the_future_is_abandoned",
        "cli/test_lost_answers.py::test_the_claim_of_a_killed_process_is_abandoned_after_ten_seconds",
    ),
    "Whoever loses the race to store an answer drops it": (
        "storage/test_evidence.py::test_a_lost_compare_and_set_says_so_and_stores_nothing",
        "storage/test_evidence.py::test_applying_twice_is_applying_once_and_nothing_ever_goes_backward",
        "execution/test_reconcile.py::test_two_processes_may_prove_the_same_absence_at_once",
    ),
    "A transaction given up by its caller commits later, and its order goes out": (
        "storage/test_database.py::test_what_waited_in_the_queue_past_its_deadline_never_runs",
        "storage/test_database.py::test_what_begins_past_its_deadline_does_not_run",
        "cli/test_refusals.py::test_a_vault_locked_by_another_process_is_busy_and_nothing_is_sent_then_or_later",
    ),
    "Ages are judged by a time taken before the wait for a lock": (
        "storage/test_database.py::test_now_is_read_when_the_transaction_has_begun",
        "storage/test_executions.py::test_a_claim_does_not_wait_for_an_old_clock",
    ),
    "Canceling whoever waits leaves a claim that nobody sends or settles": (
        "execution/test_executor.py::test_whoever_waits_may_go_and_the_attempt_goes_on",
        "terminal/test_sessions.py::test_ctrl_c_after_firing_waits_for_the_answer_and_tells_it",
        "screens/test_confirm.py::test_the_order_goes_on_when_the_console_closes",
    ),
    "A process sleeps between gate and send, and wakes to send an old price": (
        "storage/test_executions.py::test_a_claim_with_an_obstacle_is_abandoned_unsent",
        "storage/test_executions.py::test_a_claim_of_exactly_five_seconds_is_still_sent",
        "execution/test_executor.py::test_what_changes_between_claim_and_send_stops_the_send",
    ),
    "The request is signed or sent a second time": (
        "exchange/test_signing.py::test_the_order_that_is_signed_is_the_one_that_is_sent_with_its_stored_time",
        "execution/test_executor.py::test_what_is_no_listed_answer_is_unknown_and_sent_once",
        "exchange/test_transport.py::test_an_order_whose_connection_is_cut_was_sent_once_and_is_in_doubt",
    ),
    "An id already in use at the exchange counts as a refusal": (
        "exchange/test_order_answers.py::test_a_known_doubtful_answer_settles_nothing",
        "exchange/test_against_exchange.py::test_the_same_order_sent_again_while_open_is_in_doubt_not_rejected",
    ),
    "An answer about another order, a redirect or a proxy's repetition is taken for ours": (
        "exchange/test_order_answers.py::test_an_answer_about_another_order_or_with_wrong_numbers_settles_nothing",
        "exchange/test_transport.py::test_no_redirect_is_followed",
        "exchange/test_transport.py::test_proxies_of_the_environment_are_not_used",
    ),
    "An UNKNOWN whose look-ups fail for good blocks for ever": (
        "storage/test_absence.py::test_a_verdict_needs_a_halt_an_unknown_and_a_reason",
        "storage/test_absence.py::test_the_verdict_filled_stores_what_the_operator_saw",
    ),
    "A resting order can only be taken back by halting everything": (
        "execution/test_executor.py::test_the_unfilled_rest_of_an_order_is_taken_back",
    ),
    "A command that ends on an UNKNOWN looks as if nothing had been sent": (
        "cli/test_lost_answers.py::test_an_order_whose_answer_is_lost_is_found",
    ),
    # -- stopping
    "A halt lands between the last look at it and the send": (
        "execution/test_halting.py::test_a_stop_waits_for_the_sender_and_only_then_says_that_nothing_can_leave",
        "execution/test_executor.py::test_a_halt_file_that_comes_between_claim_and_send_stops_the_send",
        "cli/test_stopping.py::test_a_blocked_event_loop_is_waited_for",
    ),
    "A process hangs or dies while it sends, and the stop says nothing of it": (
        "execution/test_halting.py::test_a_stop_names_the_process_that_is_still_sending_and_stands",
        "execution/test_halting.py::test_a_killed_sender_blocks_no_stop",
        "cli/test_stopping.py::test_a_process_that_hangs_while_it_sends_is_named_and_the_halt_stands",
        "cli/test_stopping.py::test_an_order_that_was_on_its_way_when_its_process_died_is_named_and_found",
    ),
    "A halt file that cannot be looked at counts as absent": (
        "storage/test_trading_state.py::test_any_answer_but_no_such_file_halts",
        "storage/test_trading_state.py::test_a_folder_that_is_gone_or_no_folder_halts",
        "storage/test_trading_state.py::test_whatever_bears_the_name_halts",
    ),
    "Without a free block or inode, or with the vault locked, nothing can be halted": (
        "cli/test_stopping.py::test_a_full_disk_hinders_no_halt",
        "terminal/test_weather.py::test_where_no_halt_file_can_be_made_the_vault_stops_everybody",
        "cli/test_stopping.py::test_a_locked_vault_hinders_no_halt",
    ),
    "An exchange that answers nothing, or a screen that broke, keeps a halt waiting": (
        "cli/test_stopping.py::test_an_exchange_that_swallows_everything_hinders_no_halt",
        "terminal/test_broken_screen.py::test_a_halt_stops_after_the_screen_broke_with_an_order_in_flight",
    ),
    "A resume in PAPER lifts the stop of LIVE, or of both": (
        "cli/test_halting.py::test_a_resume_in_one_mode_lifts_no_stop_of_the_other",
        "cli/test_halting.py::test_a_halt_file_of_the_whole_folder_is_lifted_by_hand_only",
    ),
    "A resume lifts a halt that came after the one its operator saw": (
        "cli/test_halting.py::test_a_halt_that_comes_while_the_phrase_is_typed_is_not_lifted",
        "execution/test_halting.py::test_resuming_does_not_lift_a_file_that_was_touched_after_the_halt_was_seen",
        "storage/test_trading_state.py::test_a_halt_that_somebody_asks_for_again_is_a_newer_one",
    ),
    "Taking the halt file away by hand resumes": (
        "cli/test_halting.py::test_a_halt_file_made_by_hand_stops_and_is_recorded",
        "storage/test_trading_state.py::test_a_file_seen_once_stays_a_halt_when_it_is_gone",
    ),
    "An order of ours that is found while halted goes on": (
        "execution/test_halting.py::test_an_order_whose_answer_is_missing_is_named_and_canceled_when_it_is_found",
    ),
    "Entries rest with nobody to follow them, or outlive their process": (
        "cli/test_dead_man.py::test_entries_of_a_killed_process_end_at_the_exchange_and_stops_stay",
        "execution/test_executor.py::test_an_entry_whose_dead_mans_switch_cannot_be_armed_is_not_sent",
        "storage/test_standing.py::test_a_keeper_that_died_since_changes_the_order",
    ),
    "A halt goes on arming the switch for what it wants canceled": (
        "cli/test_dead_man.py::test_while_halted_the_switch_is_not_armed_again_and_does_what_the_cancels_could_not",
        "execution/test_keeper.py::test_while_halted_it_is_not_armed_again_and_entries_are_canceled",
    ),
    "A broken invariant does not stop trading": (
        "storage/test_invariants.py::test_a_run_is_recorded_and_a_violation_halts",
    ),
    # -- what may be traded
    "PAPER is pointed at the real exchange, or LIVE at another": (
        "exchange/test_address.py::test_paper_refuses_every_other_address",
        "exchange/test_address.py::test_live_refuses_every_other_address",
        "exchange/test_clients.py::test_paper_refuses_what_is_no_simulated_exchange",
        "exchange/test_clients.py::test_live_refuses_a_simulated_exchange_and_a_missing_key",
    ),
    "A pause counts from the claim of an order that fills hours later": (
        "storage/test_evidence.py::test_the_trades_time_is_the_later_of_claim_and_newest_fill",
        "storage/test_validators.py::test_a_live_trade_blocks_until_it_ends_and_cannot_be_overridden",
    ),
    "A resting buy meets our own sell": (
        "storage/test_standing.py::test_a_resting_order_of_ours_on_the_other_side_blocks_without_override",
    ),
    "An exchange that refuses everything is hammered": (
        "storage/test_attempts.py::test_the_gate_refuses_after_three_times_the_cap_of_failed_attempts",
    ),
    "The way out is blocked by rules meant for the way in": (
        "storage/test_gate_claim.py::test_an_exit_is_bound_by_no_rule_for_buys",
        "storage/test_standing.py::test_reducing_sells_at_most_held_less_open_sells",
    ),
    "Minimum and stage leave no order that passes both": (
        "storage/test_policy_window.py::test_every_preset_leaves_a_window_at_every_stage",
        "storage/test_risk_checks.py::test_it_bounds_a_buys_value_without_fee",
    ),
    "Two consoles judge by different settings": (
        "storage/test_policies.py::test_every_figure_is_in_the_hash",
        "storage/test_executions.py::test_a_claim_with_an_obstacle_is_abandoned_unsent",
    ),
    "A fact that is missing counts as harmless, or old coins forbid every buy": (
        "storage/test_venue_checks.py::test_a_missing_part_fails_exactly_the_checks_that_need_it",
        "storage/test_checks.py::test_taking_away_parts_of_the_quote_never_turns_a_refusal_into_a_pass",
        "storage/test_positions.py::test_coins_from_elsewhere_have_no_cost_and_yield_nothing",
    ),
    "Two gates pass on the same euros": (
        "storage/test_gate_claim.py::test_two_orders_in_different_markets_cannot_spend_the_same_euros",
        "storage/test_venue_checks.py::test_what_the_fetched_balance_may_not_show_is_subtracted",
    ),
    "One order without an answer blocks too little, or everything": (
        "storage/test_standing.py::test_in_flight_blocks_its_own_market_only",
        "storage/test_standing.py::test_unknown_anywhere_blocks_buys_and_everything_in_its_market",
    ),
    "What one console declined another fires": (
        "storage/test_proposals.py::test_a_decline_is_taken_back_within_five_seconds_only",
        "storage/test_proposals.py::test_what_is_not_open_any_more_cannot_be_decided",
    ),
    "The same idea is proposed twice by two workers": (
        "storage/test_proposals.py::test_an_oracle_has_one_open_idea_per_market_and_side",
        "scheduler/test_jobs.py::test_the_ideas_of_a_look_become_proposals_once",
    ),
    "One policy written in two ways is two, or two are in force": (
        "storage/test_policies.py::test_one_number_written_differently_is_one_policy",
        "storage/test_policy_store.py::test_a_second_operator_is_told_that_another_came_first",
    ),
    "A costly call overruns its reservation, or is settled twice": (
        "storage/test_budget.py::test_an_overrun_is_stored_alerts_and_rests_the_oracle_until_a_person_lifts_it",
        "storage/test_budget.py::test_a_late_settle_of_an_abandoned_call_changes_nothing",
    ),
    # -- the vault
    "A stray open of the database drops its locks, and two processes claim the same proposal": (
        "storage/test_opening.py::test_nothing_opens_the_vaults_database_but_its_connections",
        "storage/test_gate_race.py::test_sixteen_connections_in_four_processes_make_one_claim",
    ),
    "Append-only rows are edited, deleted, or pushed out by OR REPLACE": (
        "storage/test_schema.py::test_rows_of_an_append_only_table_cannot_be_changed",
        "storage/test_schema.py::test_rows_cannot_be_deleted",
        "storage/test_schema.py::test_rows_cannot_be_replaced",
    ),
    "Text that is no positive number is stored as one, and summed": (
        "storage/test_schema.py::test_only_positive_plain_decimals_are_stored",
        "storage/test_money.py::test_a_total_is_exact_in_any_order",
    ),
    "A fee arrives after its fill, a fill after the end of its order": (
        "storage/test_evidence.py::test_fills_are_stored_once_and_their_fee_fills_in_once",
        "storage/test_evidence.py::test_an_ended_order_is_followed_until_its_fills_add_up",
        "storage/test_schema.py::test_of_a_fill_fee_currency_and_settled_fill_in_once",
    ),
    "The clock jumps: caps empty, leases last for ever, signatures lie in the future": (
        "terminal/test_clock_jumps.py::test_after_a_jump_jobs_go_on_and_nothing_is_sent",
        "storage/test_leases.py::test_a_clock_that_went_back_frees_lease_and_due_time",
        "storage/test_standing.py::test_the_audit_is_never_ahead",
        "storage/test_standing.py::test_it_is_within_two_seconds_of_the_exchange",
    ),
    "A lock has no deadline, is inherited by a child, or hides who holds it": (
        "storage/test_locking.py::test_a_waiter_gives_up_at_its_deadline_and_names_the_holder",
        "storage/test_locking.py::test_a_child_does_not_keep_the_lock",
        "storage/test_locking.py::test_a_killed_holder_frees_the_lock",
        "storage/test_locking.py::test_the_program_starts_processes_and_never_forks",
    ),
    "Many waiters behind a locked database wait one after another": (
        "storage/test_database.py::test_another_program_in_the_database_is_busy_in_time",
        "storage/test_database.py::test_what_queues_behind_a_write_that_waits_says_for_whom",
    ),
    "The last one to close checkpoints outside the lock": (
        "storage/test_database.py::test_closing_waits_for_what_is_running_and_closes_behind_the_lock",
    ),
    "On a full disk or in a read-only folder the program ends in a traceback": (
        "terminal/test_weather.py::test_on_a_full_disk_nothing_starts_and_one_sentence_says_why",
        "terminal/test_weather.py::test_a_read_only_folder_is_one_sentence",
        "terminal/test_weather.py::test_a_disk_that_fills_up_is_said_and_the_console_goes_on_when_there_is_room",
    ),
    "A failed commit is taken for done, or a done one for failed": (
        "storage/test_database.py::test_a_commit_that_failed_is_rolled_back_and_reported",
        "storage/test_database.py::test_a_commit_that_failed_and_is_in_the_file_counts",
        "execution/test_executor.py::test_an_answer_is_kept_until_the_vault_can_take_it",
        "storage/test_power_loss.py::test_no_acknowledged_claim_is_lost_when_power_fails",
    ),
    "A dead writer leaves callers waiting": ("storage/test_database.py::test_a_dead_writer_fails_every_call_at_once",),
    "An older program writes a newer vault, or dies in a migration": (
        "storage/test_database.py::test_a_vault_migrated_meanwhile_is_not_written",
        "storage/test_schema.py::test_a_migration_that_fails_leaves_the_file_at_the_version_before",
        "gauntlet/test_crash_sample.py::test_processes_that_die_at_a_point_leave_nothing_undecided",
    ),
    "Two processes make a new vault at once, or a lost key is made anew over a chain": (
        "terminal/test_several.py::test_two_consoles_and_two_workers_share_one_vault",
        "storage/test_opening.py::test_a_spoiled_folder_is_one_sentence_and_nothing_is_made_anew",
    ),
    "The audit head is copied from an older row, and a cut tail verifies": (
        "storage/test_audit.py::test_a_head_cut_back_to_an_older_event_of_the_chain_is_refused",
        "storage/test_audit.py::test_the_head_never_goes_lower_within_an_incarnation",
        "storage/test_audit_attacks.py::test_only_the_exchange_tells_that_vault_and_head_went_back_together",
    ),
    "Whoever lost a lease goes on writing, or a due time is completed twice": (
        "storage/test_leases.py::test_the_same_holder_with_an_older_fence_is_stale",
        "scheduler/test_worker.py::test_whoever_lost_the_lease_while_it_ran_writes_nothing_and_gives_nothing_back",
        "scheduler/test_worker.py::test_no_outside_call_begins_on_a_lease_that_is_about_to_end",
        "storage/test_leases.py::test_a_due_time_is_completed_once_and_a_crashed_run_repeated",
    ),
    "Idle jobs fill the vault with rows": ("storage/test_leases.py::test_a_run_that_changed_nothing_leaves_no_row",),
    "Nobody notices another process's commit": (
        "storage/test_database.py::test_every_commit_by_anybody_is_told_and_no_read_is",
        "storage/test_database.py::test_a_vault_that_cannot_be_looked_at_is_news_and_is_looked_at_again",
    ),
    # -- backup and restore
    "After a restore a proposal that was executed since the backup is sent a second time": (
        "cli/test_backup.py::test_what_was_executed_after_the_backup_can_never_be_executed_again",
        "storage/test_restore.py::test_a_restored_vault_can_send_nothing_that_was_open_and_is_halted",
        "cli/test_backup.py::test_trading_does_not_go_on_before_the_orders_since_the_backup_are_known",
    ),
    "A restored vault gives out the numbers of proposals and orders again": (
        "storage/test_restore.py::test_whatever_is_backed_up_restored_moved_and_lost_no_id_is_given_out_twice",
        "cli/test_backup.py::test_nobody_at_the_exchange_ever_sees_an_id_twice",
    ),
    "A backup is copied over a database that is open, or whose log still lies beside it": (
        "cli/test_backup.py::test_a_vault_that_a_worker_has_open_is_not_restored_and_the_worker_is_named",
        "storage/test_restore.py::test_a_log_left_beside_a_lost_database_never_meets_the_new_one",
        "storage/test_restore.py::test_killed_anywhere_it_is_the_old_vault_or_the_halted_new_one_and_again_it_is_restored",
    ),
    "A backup beside a busy writer begins again and again, or holds half a transaction": (
        "storage/test_backup.py::test_a_backup_is_one_committed_state_while_another_task_commits",
        "storage/test_backup.py::test_a_backup_needs_no_lock_that_writers_hold",
    ),
    "A backup lacks the key, and nobody says so before it is needed": (
        "cli/test_backup.py::test_a_backup_without_its_key_says_where_the_key_has_to_be",
        "cli/test_backup.py::test_a_backup_is_verified_with_its_key_and_as_far_as_it_goes_without",
    ),
    # -- the exchange
    "Two simulated exchanges match on one database, or one ends with the console that started it": (
        "paper/test_process.py::test_sixteen_processes_at_once_get_one_exchange",
        "paper/test_process.py::test_it_stays_while_somebody_holds_it_and_ends_after",
        "paper/test_process.py::test_one_that_runs_but_was_lost_sight_of_is_waited_for_not_doubled",
    ),
    "A simulated exchange applies an order whose window is over, or speeds up its windows": (
        "paper/test_signing.py::test_the_window_is_enforced_again_when_the_order_is_applied",
        "paper/test_prices.py::test_speed_moves_market_time_and_leaves_wall_time_alone",
    ),
    "A comparison calls an order foreign that was sent meanwhile": (
        "execution/test_sweep.py::test_an_unknown_order_in_a_market_with_an_unknown_outcome_is_undecided",
        "storage/test_adoption.py::test_a_claim_that_may_still_be_sent_stops_the_adoption",
    ),
    "A deposit or a trade by hand stops trading for ever": (
        "execution/test_sweep.py::test_a_deposit_the_history_tells_of_is_no_difference",
        "execution/test_adopt.py::test_a_trade_by_hand_becomes_flows_and_afterwards_vault_and_exchange_agree",
    ),
    "Many processes comparing at once use up the rate limit": (
        "terminal/test_execute.py::test_sixteen_processes_make_one_order",
        "scheduler/test_worker.py::test_of_two_workers_one_runs_each_due_time",
        "exchange/test_weights.py::test_reconcile_stops_at_ten_percent_and_orders_and_cancels_go_on",
        "exchange/test_weights.py::test_the_last_headers_are_believed_whatever_was_counted_before",
    ),
    "A job or an oracle gets hold of the key that trades": (
        "exchange/test_imports.py::test_one_half_of_the_client_loads_nothing_of_the_other",
        "exchange/test_routes.py::test_the_readonly_client_sends_no_trade_route",
        "test_house_rules.py::test_only_the_executor_places_and_cancels",
    ),
    "Another data folder trades on the same account unseen": (
        "execution/test_sweep.py::test_an_order_of_somebody_else_is_foreign_and_named",
        "storage/test_standing.py::test_a_foreign_order_blocks_its_market",
    ),
}
"""Only where a test starts from the failure itself does it stand here; much else is tested beside it."""


@cache
def names_in(file: str) -> frozenset[str]:
    """The names of the test functions in a file, in its classes too."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize("failure", FAILURES)
def test_every_failure_has_a_test_that_exists(failure: str) -> None:
    named = [test.partition("::") for test in FAILURES[failure]]
    assert named
    assert [name for file, _, name in named if name not in names_in(file)] == []
