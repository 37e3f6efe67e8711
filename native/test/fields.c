/* SPDX-License-Identifier: Apache-2.0 */
/*
 * fields OBJECT: runs put_field of fields.bpf.c on the cases below and prints one JSON line each: {"case","flags","length",
 * "end" (of the field in the record), "same" (the payload is the source's beginning), "zeroed" (the padding), "head" (what
 * lies before the field is as it was)}. Used by test/native/fields.test.ts. Exit status: 0, or 1 when it cannot run.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <linux/types.h>
#include "wire.h"

#define OLD 0xa5 /* what an earlier record left in the slot */
#define PAGE 4096
#define PAGES 16
#define ANYWHERE 256

static const struct {
	const char *name;
	unsigned id, offset, start, length; /* start: in an area of PAGES pages */
	unsigned missing;                   /* bit mask of its pages that are not there */
} cases[] = {
	{"empty", FB_F_ARGS, ANYWHERE, 0, 0, 0},
	{"one byte", FB_F_ARGS, ANYWHERE, 0, 1, 0},
	{"eight bytes", FB_F_ARGS, ANYWHERE, 0, 8, 0},
	{"not aligned", FB_F_ARGS, ANYWHERE, 4001, 3333, 0},
	{"arguments at the cap", FB_F_ARGS, ANYWHERE, 5, FB_ARGS_MAX, 0},
	{"arguments over the cap", FB_F_ARGS, ANYWHERE, 5, FB_ARGS_MAX + 1, 0},
	{"environment at the cap", FB_F_ENV, ANYWHERE, 5, FB_ENV_MAX, 0},
	{"environment over the cap", FB_F_ENV, ANYWHERE, 5, FB_ENV_MAX + 1, 0},
	{"nothing there", FB_F_ARGS, ANYWHERE, 0, 100, 1 << 0},
	{"second page missing", FB_F_ARGS, ANYWHERE, 100, 2 * PAGE, 1 << 1},
	{"last page missing", FB_F_ARGS, ANYWHERE, 100, FB_ARGS_MAX, 1 << 8},
	{"over the cap, a page missing", FB_F_ARGS, ANYWHERE, 0, 15 * PAGE, 1 << 3},
	{"the page after the cap missing", FB_F_ARGS, ANYWHERE, 0, FB_ARGS_MAX + 1, 1 << 8},
	{"little room", FB_F_ARGS, FB_RECORD_MAX - 64, 0, 100, 0},
	{"room for eight bytes", FB_F_ARGS, FB_RECORD_MAX - 24, 0, 100, 0},
	{"no room", FB_F_ARGS, FB_RECORD_MAX - 16, 0, 100, 0},
	{"string of 4095", FB_F_FILENAME, ANYWHERE, 0, 4095, 0},
	{"string of 4096", FB_F_FILENAME, ANYWHERE, 0, 4096, 0},
	{"string of 4097", FB_F_FILENAME, ANYWHERE, 0, 4097, 0},
	{"no string", FB_F_FILENAME, ANYWHERE, 0, 0, 1},
	{"string without room", FB_F_FILENAME, FB_RECORD_MAX - 4000, 0, 100, 0},
};

static struct bpf_object *object;
static unsigned char *slot, *record; /* record: in slot */
static size_t slot_bytes;

static int run(unsigned id, unsigned offset, unsigned long start, unsigned long end)
{
	unsigned long long args[12] = {id, offset, start, end};
	int program = bpf_program__fd(bpf_object__find_program_by_name(object, "put_field"));
	LIBBPF_OPTS(bpf_test_run_opts, options, .ctx_in = args, .ctx_size_in = sizeof(args));

	if (bpf_prog_test_run_opts(program, &options)) {
		perror("BPF_PROG_TEST_RUN");
		exit(1);
	}
	return options.retval;
}

static int all(const unsigned char *bytes, size_t length, unsigned char value)
{
	while (length && *bytes == value)
		bytes++, length--;
	return !length;
}

/* Fills the area with letters, and takes the missing pages away: reading them would be a page fault. */
static unsigned char *fill(unsigned char *area, unsigned missing)
{
	for (size_t i = 0; i < PAGES * PAGE; i++)
		area[i] = 'a' + i % 23;
	for (int page = 0; page < PAGES; page++)
		if (missing >> page & 1)
			madvise(area + page * PAGE, PAGE, MADV_DONTNEED);
	return area;
}

static void print_case(unsigned n, unsigned char *area)
{
	int map = bpf_object__find_map_fd_by_name(object, "fb_scratch"), is_text = cases[n].id == FB_F_FILENAME;
	unsigned offset = cases[n].offset, key = 0;
	unsigned long start = is_text ? 0 : (unsigned long)area + cases[n].start;
	struct fb_field *field = (void *)(record + offset);
	unsigned char *payload = (void *)(field + 1);
	unsigned end;

	memset(slot, OLD, slot_bytes);
	bpf_map_update_elem(map, &key, slot, BPF_ANY);
	end = run(cases[n].id, offset, start, is_text && cases[n].missing ? 0 : start + cases[n].length);
	bpf_map_lookup_elem(map, &key, slot);
	printf("{\"case\":\"%s\",\"end\":%u,\"head\":%s", cases[n].name, end - offset,
	       all(record, offset, OLD) ? "true" : "false");
	if (end > offset)
		printf(",\"flags\":%u,\"length\":%u,\"same\":%s,\"zeroed\":%s", field->flags, field->length,
		       (is_text ? all(payload, field->length, OLD) : !memcmp(payload, (void *)start, field->length)) ? "true" : "false",
		       all(payload + field->length, end - offset - sizeof(*field) - field->length, 0) ? "true" : "false");
	printf("}\n");
}

int main(int argc, char **argv)
{
	unsigned char *area = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	madvise(area, PAGES * PAGE, MADV_NOHUGEPAGE);
	object = argc == 2 ? bpf_object__open_file(argv[1], NULL) : NULL;
	if (!object || bpf_object__load(object))
		return 1;
	slot_bytes = bpf_map__value_size(bpf_object__find_map_by_name(object, "fb_scratch"));
	slot = malloc(slot_bytes);
	record = slot + run(0, 0, 0, 0);
	for (unsigned n = 0; n < sizeof(cases) / sizeof(*cases); n++)
		print_case(n, fill(area, cases[n].missing));
	return 0;
}
