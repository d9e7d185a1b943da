# shellcheck shell=sh disable=SC2034,SC2154
# --- names: nobody; the settings say that this server does not resolve the cluster's names ---

none_fits() { :; }
none_plan() { :; }
none_unwanted() { :; }
none_service() { unit=; }
none_reload() { :; }
none_drift() { :; }
none_mend() { :; }
none_release() { :; }
none_shared() { :; }
