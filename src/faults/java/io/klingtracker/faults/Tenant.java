package io.klingtracker.faults;

/**
 * Who calls.
 *
 * @param id the tenant
 * @param apiKey a key of it that may do everything
 */
record Tenant(String id, String apiKey) {}
