package io.klingtracker.webhook;

/**
 * Fired in process when a tenant's deliveries to a host are paused after days of failure, or flow
 * again.
 */
public record HostStateChanged(String tenant, String host, boolean paused) {}
