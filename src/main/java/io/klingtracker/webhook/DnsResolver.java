package io.klingtracker.webhook;

import io.netty.channel.nio.NioEventLoopGroup;
import io.netty.channel.socket.nio.NioDatagramChannel;
import io.netty.channel.socket.nio.NioSocketChannel;
import io.netty.resolver.dns.DnsNameResolver;
import io.netty.resolver.dns.DnsNameResolverBuilder;
import io.netty.util.concurrent.DefaultThreadFactory;
import io.netty.util.concurrent.Future;
import java.net.InetAddress;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

/**
 * The machine's name servers and hosts file, asked asynchronously on one thread of its own. Answers
 * are kept as long as DNS allows, but no longer than the cap; an address is checked at every use.
 */
final class DnsResolver implements Resolver, AutoCloseable {

  private static final int MAX_QUERIES_PER_RESOLVE = 16;

  private final NioEventLoopGroup group;
  private final DnsNameResolver resolver;

  /**
   * A resolver.
   *
   * @param timeout of one query to one server
   * @param cacheCap the longest an answer is kept
   */
  DnsResolver(Duration timeout, Duration cacheCap) {
    group = new NioEventLoopGroup(1, new DefaultThreadFactory("webhook-dns", true));
    resolver =
        new DnsNameResolverBuilder(group.next())
            .channelType(NioDatagramChannel.class)
            .socketChannelType(NioSocketChannel.class, true)
            .queryTimeoutMillis(timeout.toMillis())
            .maxQueriesPerResolve(MAX_QUERIES_PER_RESOLVE)
            .ttl(0, Math.toIntExact(Math.max(1, cacheCap.toSeconds())))
            .negativeTtl(1)
            .build();
  }

  @Override
  public CompletionStage<List<InetAddress>> resolve(String host) {
    CompletableFuture<List<InetAddress>> result = new CompletableFuture<>();
    resolver.resolveAll(host).addListener((Future<List<InetAddress>> f) -> settle(f, result));
    return result;
  }

  private static void settle(
      Future<List<InetAddress>> answer, CompletableFuture<List<InetAddress>> result) {
    if (answer.isSuccess()) {
      result.complete(answer.getNow());
    } else {
      result.completeExceptionally(answer.cause());
    }
  }

  @Override
  public void close() {
    resolver.close();
    group.shutdownGracefully(0, 1, TimeUnit.SECONDS);
  }
}
