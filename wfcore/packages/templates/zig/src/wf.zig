//! The plugin ABI wf/1 for Zig: `comptime { wf.plugin(action); }` makes a module of a function.

const std = @import("std");

pub const allocator = std.heap.wasm_allocator;
pub const Value = std.json.Value;

/// What an action is called with; nothing has to be freed, since each call has a fresh instance.
pub const Call = struct {
    action: []const u8,
    inputs: Value,
    now: i64,
    seed: i64,
};

/// The error of an action. `retry_after` is seconds.
pub const Failure = struct {
    type: []const u8,
    message: []const u8,
    retryable: bool = false,
    retry_after: ?f64 = null,
};

/// What an action gives: a value, or why there is none.
pub const Result = union(enum) {
    ok: Value,
    failed: Failure,
};

extern "workflow" fn host_call(request: [*]const u8, size: i32) i32;
extern "workflow" fn host_take(answer: [*]u8) void;

/// The value that the host answers a request with, or its error.
pub fn ask(request: anytype) !Result {
    const text = try encoded(request);
    const size = host_call(text.ptr, @intCast(text.len));
    if (size < 0) return error.Refused;
    const answer = try allocator.alloc(u8, @intCast(size));
    host_take(answer.ptr);
    const read = try std.json.parseFromSliceLeaky(Value, allocator, answer, .{});
    if (read.object.get("value")) |answered| return .{ .ok = answered };
    const options: std.json.ParseOptions = .{ .ignore_unknown_fields = true };
    return .{ .failed = try std.json.parseFromValueLeaky(Failure, allocator, read.object.get("error").?, options) };
}

/// A line for the log of the execution.
pub fn log(comptime format: []const u8, values: anytype) !void {
    const message = try std.fmt.allocPrint(allocator, format, values);
    _ = try ask(.{ .op = "log", .message = message });
}

/// Anything as a value of JSON.
pub fn value(from: anytype) !Value {
    return std.json.parseFromSliceLeaky(Value, allocator, try encoded(from), .{});
}

/// Exports what the ABI asks for, around `action: fn (Call) anyerror!Result`.
pub fn plugin(comptime action: fn (Call) anyerror!Result) void {
    const exports = struct {
        fn alloc(size: i32) callconv(.c) ?[*]u8 {
            const room = allocator.alloc(u8, @intCast(@max(size, 1))) catch return null;
            return room.ptr;
        }

        fn invoke(at: [*]const u8, size: i32, now: i64, seed: i64) callconv(.c) i64 {
            const result = run(at[0..@intCast(size)], now, seed) catch |err| Result{ .failed = .{
                .type = "error",
                .message = @errorName(err),
            } };
            const text = switch (result) {
                .ok => |given| encoded(given),
                .failed => |failure| encoded(failure),
            } catch unreachable;
            const out = allocator.alloc(u8, text.len + 1) catch unreachable;
            out[0] = if (result == .ok) 0 else 1;
            @memcpy(out[1..], text);
            const place: u64 = @intFromPtr(out.ptr);
            return @bitCast(place << 32 | @as(u64, out.len));
        }

        fn run(request: []const u8, now: i64, seed: i64) !Result {
            const read = try std.json.parseFromSliceLeaky(Value, allocator, request, .{});
            return action(.{
                .action = read.object.get("action").?.string,
                .inputs = read.object.get("inputs") orelse .null,
                .now = now,
                .seed = seed,
            });
        }
    };
    @export(&exports.alloc, .{ .name = "wf_alloc" });
    @export(&exports.invoke, .{ .name = "wf_invoke" });
}

fn encoded(from: anytype) ![]u8 {
    return std.json.Stringify.valueAlloc(allocator, from, .{ .emit_null_optional_fields = false });
}
